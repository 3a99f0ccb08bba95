"""What an outbox's database holds: its tables, one migration a number.

Rule 1: what grows large (sealed bytes, payloads) stands apart from what changes often (state).
Rule 2: ``queued`` is what is to be sent now, ``due`` when it is to be queued again; both stand in the
        database alone, so that every process that opens it sees the same, and a kill changes nothing.
Rule 3: a number is given once: ids, numbers of an epoch and places in a lane are unique by constraint.
"""

from __future__ import annotations

from typing import Final

MIGRATIONS: Final = (
    """
    -- One row: whose outbox this is, and the file that it was when last opened.
    CREATE TABLE life (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        source TEXT NOT NULL,
        device INTEGER NOT NULL,
        inode INTEGER NOT NULL
    );

    -- One row a book; the last one is the one that numbers are taken from.
    CREATE TABLE books (
        ordinal INTEGER PRIMARY KEY,
        book TEXT NOT NULL UNIQUE,
        opened TEXT NOT NULL,
        because TEXT NOT NULL
    );

    CREATE TABLE events (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        book TEXT NOT NULL REFERENCES books (book),
        n INTEGER NOT NULL CHECK (n > 0),
        type TEXT NOT NULL,
        external_ref TEXT,
        accepted TEXT NOT NULL,              -- when the outbox took it
        hash BLOB NOT NULL,                  -- the event's hash, 32 bytes
        record_sha256 BLOB NOT NULL,         -- of the whole envelope, 32 bytes
        prompt INTEGER NOT NULL,             -- 1: some recipient gets it at once
        awaits INTEGER NOT NULL,             -- 1: receipts are awaited for what goes at once
        cumulative TEXT,                     -- the lane that a cumulative receipt is about
        queued INTEGER NOT NULL DEFAULT 1,
        due REAL,                            -- seconds since 1970
        attempts INTEGER NOT NULL DEFAULT 0, -- acknowledged by a broker so often
        first_sent REAL,
        last_sent REAL,
        answered TEXT,                       -- when the station received it and let it in
        clock_suspect INTEGER,
        refused TEXT,                        -- reason of the closed list
        detail TEXT,
        postmark BLOB,                       -- the last answer, as the station signed it
        trouble TEXT,                        -- what the broker has against it
        void INTEGER NOT NULL DEFAULT 0,     -- 1: this number will never come to anybody
        conflict INTEGER NOT NULL DEFAULT 0, -- 1: the number had been given before
        replaced_by TEXT,                    -- id under which it was sealed anew
        UNIQUE (book, n)
    );
    CREATE UNIQUE INDEX events_by_reference ON events (type, external_ref) WHERE external_ref IS NOT NULL;
    CREATE INDEX events_by_record ON events (record_sha256);
    CREATE INDEX events_by_acceptance ON events (accepted);
    CREATE INDEX events_queued ON events (prompt, seq) WHERE queued = 1;
    CREATE INDEX events_cumulative ON events (cumulative, seq) WHERE cumulative IS NOT NULL;
    CREATE INDEX events_due ON events (due) WHERE due IS NOT NULL;
    CREATE INDEX events_unanswered ON events (seq) WHERE answered IS NULL AND refused IS NULL;
    CREATE INDEX events_in_conflict ON events (seq) WHERE conflict = 1 AND replaced_by IS NULL;

    -- The bytes: header as signed, the payload for our own eyes, the envelope as it is sent.
    CREATE TABLE sealed (
        seq INTEGER PRIMARY KEY REFERENCES events (seq),
        header BLOB NOT NULL,
        payload BLOB NOT NULL,
        envelope BLOB                        -- NULL once dropped by prune
    );

    CREATE TABLE recipients (
        seq INTEGER NOT NULL REFERENCES events (seq),
        recipient TEXT NOT NULL,
        book TEXT NOT NULL,
        lane TEXT NOT NULL CHECK (lane IN ('prompt', 'digest')),
        n INTEGER NOT NULL CHECK (n > 0),
        way TEXT NOT NULL,                   -- our own decision
        rule TEXT NOT NULL,
        stamped_way TEXT,                    -- the station's
        stamped_rule TEXT,
        delivered TEXT,                      -- when the recipient said so
        PRIMARY KEY (seq, recipient)
    ) WITHOUT ROWID;
    CREATE UNIQUE INDEX recipients_by_lane ON recipients (recipient, book, lane, n);
    CREATE INDEX recipients_waiting ON recipients (recipient, book, lane, n) WHERE delivered IS NULL;

    -- What a recipient said about one event, beside that it was delivered.
    CREATE TABLE receipts (
        seq INTEGER NOT NULL REFERENCES events (seq),
        recipient TEXT NOT NULL,
        stage TEXT NOT NULL,
        said_at TEXT NOT NULL,
        id TEXT NOT NULL,                    -- of the receipt
        hash BLOB NOT NULL,
        payload TEXT NOT NULL,
        PRIMARY KEY (seq, recipient, stage)
    ) WITHOUT ROWID;

    -- How far postings were read, a cluster each; the highest offset at which an event of ours stood.
    CREATE TABLE positions (
        cluster TEXT PRIMARY KEY,
        ordinal INTEGER NOT NULL,
        next_posting INTEGER NOT NULL,
        highest_event INTEGER NOT NULL
    );

    CREATE TABLE foreign_postings (
        cluster TEXT NOT NULL,
        posting INTEGER NOT NULL,
        read_at TEXT NOT NULL,
        why TEXT NOT NULL,
        id TEXT,
        value BLOB NOT NULL,
        PRIMARY KEY (cluster, posting)
    );

    CREATE TABLE memory (
        name TEXT PRIMARY KEY,
        value TEXT NOT NULL
    );
    """,
    """
    -- Offset at which the broker last put the event; NULL where it is not known, or of another cluster.
    ALTER TABLE events ADD COLUMN place INTEGER;
    """,
    """
    -- One row a postmark that came, in the order of coming: whoever looks for them in the log reads on from here.
    CREATE TABLE stamps (
        n INTEGER PRIMARY KEY,
        seq INTEGER NOT NULL REFERENCES events (seq)
    );
    INSERT INTO stamps (seq) SELECT seq FROM events WHERE postmark IS NOT NULL ORDER BY seq;
    CREATE TRIGGER events_stamped AFTER UPDATE OF postmark ON events
    WHEN new.postmark IS NOT NULL AND new.postmark IS NOT old.postmark
    BEGIN
        INSERT INTO stamps (seq) VALUES (new.seq);
    END;
    """,
    """
    -- What stays of an envelope that was dropped: who signed what to whom, provably, without the content.
    ALTER TABLE sealed ADD COLUMN counterfoil BLOB;
    """,
    """
    -- Several persons of a recipient may say the same of one event: a receipt is one row.
    CREATE TABLE words (
        seq INTEGER NOT NULL REFERENCES events (seq),
        recipient TEXT NOT NULL,
        stage TEXT NOT NULL,
        said_at TEXT NOT NULL,
        id TEXT NOT NULL,                    -- of the receipt
        hash BLOB NOT NULL,
        payload TEXT NOT NULL,
        PRIMARY KEY (seq, recipient, stage, id)
    ) WITHOUT ROWID;
    INSERT INTO words SELECT seq, recipient, stage, said_at, id, hash, payload FROM receipts;
    DROP TABLE receipts;
    ALTER TABLE words RENAME TO receipts;
    """,
    """
    -- Files that go with an event: their sealed chunks stand in the folder beside, named by their root.
    CREATE TABLE files (
        n INTEGER PRIMARY KEY,
        seq INTEGER NOT NULL REFERENCES events (seq),
        root BLOB NOT NULL,                  -- 32 bytes
        name TEXT NOT NULL,
        bytes INTEGER NOT NULL,              -- of the file itself
        chunks INTEGER NOT NULL,
        sent INTEGER NOT NULL DEFAULT 0,     -- chunks that the broker acknowledged
        finished REAL,                       -- when the last of them, seconds since 1970
        done INTEGER NOT NULL DEFAULT 0,     -- 1: nobody waits for it any more
        UNIQUE (seq, root)
    );
    CREATE INDEX files_waiting ON files (n) WHERE done = 0;

    -- One row: the broker that has the chunks, and where its log of them goes on.
    CREATE TABLE files_place (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        cluster TEXT NOT NULL,
        next INTEGER NOT NULL
    );
    """,
    """
    -- How often a file was asked for again: each time it takes longer until it may be.
    ALTER TABLE files ADD COLUMN again INTEGER NOT NULL DEFAULT 0;
    """,
    """
    -- What names an event, found by that.
    CREATE INDEX sealed_by_subject ON sealed (json_extract(CAST(header AS TEXT), '$.subject'))
        WHERE json_extract(CAST(header AS TEXT), '$.subject') IS NOT NULL;
    CREATE INDEX sealed_by_reply ON sealed (json_extract(CAST(header AS TEXT), '$.reply_to.id'))
        WHERE json_extract(CAST(header AS TEXT), '$.reply_to.id') IS NOT NULL;
    CREATE INDEX sealed_by_correction ON sealed (json_extract(CAST(header AS TEXT), '$.supersedes.id'))
        WHERE json_extract(CAST(header AS TEXT), '$.supersedes.id') IS NOT NULL;
    CREATE INDEX sealed_by_withdrawal ON sealed (json_extract(CAST(header AS TEXT), '$.withdraws.id'))
        WHERE json_extract(CAST(header AS TEXT), '$.withdraws.id') IS NOT NULL;
    """,
    """
    -- One row while the broker takes no files: why, and what to do.
    CREATE TABLE files_trouble (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        said TEXT NOT NULL
    );
    """,
)
