"""The tables of an inbox.

Law 4: ``items.id`` is unique: an event that is read again is still one row.

Rule 1: signed data is stored as its bytes; other columns are only an index.
Rule 2: instants are written as in the contract, so that they sort as text.
"""

from __future__ import annotations

from typing import Final

MIGRATIONS: Final = (
    """
    CREATE TABLE life (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        county TEXT NOT NULL
    );

    -- How far each topic was read, a cluster each: written with the rows, so that a restored backup reads on
    -- from where it was, and a broker without its data from the beginning.
    CREATE TABLE positions (
        cluster TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('alert', 'digest')),
        next INTEGER NOT NULL,
        PRIMARY KEY (cluster, kind)
    ) WITHOUT ROWID;

    CREATE TABLE items (
        seq INTEGER PRIMARY KEY,             -- order of arrival
        id TEXT NOT NULL UNIQUE,
        hash BLOB NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('alert', 'digest')),
        source TEXT NOT NULL,
        county TEXT NOT NULL,
        book TEXT NOT NULL,
        type TEXT NOT NULL,
        status TEXT NOT NULL,
        thread TEXT NOT NULL,                -- subject, or its own id
        time TEXT NOT NULL,                  -- learnt
        received TEXT NOT NULL,              -- by the station
        stored TEXT NOT NULL,
        expires TEXT,
        lane TEXT,                           -- NULL when not addressed to us
        n INTEGER,
        way TEXT NOT NULL CHECK (way IN ('alarm', 'notice', 'digest')),
        rule TEXT NOT NULL,
        charter TEXT NOT NULL,               -- under which it was checked here
        state TEXT NOT NULL,
        unopenable TEXT,                     -- cause, one word
        warnings TEXT NOT NULL,              -- words with spaces between
        supersedes TEXT, supersedes_hash BLOB,
        withdraws TEXT, withdraws_hash BLOB
    );
    CREATE INDEX items_by_hash ON items (hash);
    CREATE INDEX items_by_thread ON items (thread, seq);
    CREATE INDEX items_by_lane ON items (source, book, lane, n);
    CREATE INDEX items_by_stored ON items (stored);
    CREATE INDEX items_ringing ON items (seq) WHERE state = 'ringing';
    CREATE INDEX items_waiting ON items (hash) WHERE state = 'waiting';
    CREATE INDEX items_superseding ON items (supersedes) WHERE supersedes IS NOT NULL;
    CREATE INDEX items_withdrawing ON items (withdraws) WHERE withdraws IS NOT NULL;

    -- The bytes: header as signed, payload as sealed (NULL: unopenable), envelope and postmark as they came.
    CREATE TABLE letters (
        seq INTEGER PRIMARY KEY REFERENCES items (seq),
        header BLOB NOT NULL,
        payload BLOB,
        envelope BLOB NOT NULL,
        postmark BLOB
    );

    -- What officers said: one word a stage.
    CREATE TABLE answers (
        id TEXT NOT NULL REFERENCES items (id),
        stage TEXT NOT NULL,
        name TEXT NOT NULL,
        badge TEXT NOT NULL,
        note TEXT,
        at TEXT NOT NULL,
        PRIMARY KEY (id, stage)
    ) WITHOUT ROWID;

    -- Receipts about one event that the outbox has not taken yet.
    CREATE TABLE owed (
        seq INTEGER PRIMARY KEY,
        receipt TEXT NOT NULL,
        name TEXT,
        badge TEXT,
        note TEXT,
        due REAL NOT NULL,                   -- not before then, seconds since 1970
        attempts INTEGER NOT NULL DEFAULT 0  -- in vain so far
    );
    CREATE INDEX owed_by_due ON owed (due);

    CREATE TABLE lanes (
        source TEXT NOT NULL,
        book TEXT NOT NULL,
        lane TEXT NOT NULL CHECK (lane IN ('prompt', 'digest')),
        head INTEGER NOT NULL DEFAULT 0,     -- as its sender announced it
        owed INTEGER NOT NULL DEFAULT 0,     -- 1: something came that wants a cumulative receipt
        receipted REAL NOT NULL DEFAULT 0,   -- when the last went out, seconds since 1970
        PRIMARY KEY (source, book, lane)
    ) WITHOUT ROWID;
    CREATE INDEX lanes_owed ON lanes (receipted) WHERE owed = 1;
    CREATE INDEX lanes_announced ON lanes (source) WHERE head > 0;

    -- Numbers that came, or never will; spans neither touch nor overlap.
    CREATE TABLE spans (
        source TEXT NOT NULL,
        book TEXT NOT NULL,
        lane TEXT NOT NULL,
        first INTEGER NOT NULL,
        last INTEGER NOT NULL,
        PRIMARY KEY (source, book, lane, first)
    ) WITHOUT ROWID;
    CREATE INDEX spans_beyond_a_gap ON spans (source, book, lane) WHERE first > 1;

    CREATE TABLE aside (
        seq INTEGER PRIMARY KEY,
        record BLOB NOT NULL,                -- SHA-256 of value and postmark
        kind TEXT NOT NULL,
        reason TEXT NOT NULL,
        detail TEXT NOT NULL,
        place TEXT NOT NULL,                 -- partition/offset where it was first read
        timestamp INTEGER NOT NULL,          -- the broker's, ms since 1970
        stored TEXT NOT NULL,
        times INTEGER NOT NULL DEFAULT 1,
        size INTEGER NOT NULL,
        value BLOB,                          -- the first MiB
        postmark BLOB,
        UNIQUE (record, kind, reason)
    );

    -- Another event under an id that was here: evidence.
    CREATE TABLE conflicts (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL,
        hash BLOB NOT NULL,
        stored TEXT NOT NULL,
        header BLOB NOT NULL,
        envelope BLOB NOT NULL,
        postmark BLOB,
        UNIQUE (id, hash)
    );

    -- Events of the digest whose manifest is not here yet; they may come more than once.
    CREATE TABLE open_digest (
        hash BLOB PRIMARY KEY,
        id TEXT,                             -- NULL: it stayed aside
        prompt INTEGER NOT NULL,
        first INTEGER NOT NULL,              -- in which place it came first, and last
        last INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX open_digest_by_last ON open_digest (last);

    CREATE TABLE digests (
        seq INTEGER PRIMARY KEY,
        hash BLOB NOT NULL UNIQUE,
        label TEXT NOT NULL,
        interim INTEGER NOT NULL,
        verdict TEXT NOT NULL,
        warnings TEXT NOT NULL,
        stored TEXT NOT NULL,
        manifest BLOB NOT NULL               -- as signed
    );

    CREATE TABLE digest_members (
        digest INTEGER NOT NULL REFERENCES digests (seq),
        position INTEGER NOT NULL,
        hash BLOB NOT NULL,
        id TEXT,
        prompt INTEGER NOT NULL,
        PRIMARY KEY (digest, position)
    ) WITHOUT ROWID;
    CREATE INDEX digest_members_by_hash ON digest_members (hash);
    """,
    """
    -- Content that was destroyed when its time was over; header, hash, signature and postmark stay.
    CREATE TABLE destroyed (
        id TEXT PRIMARY KEY REFERENCES items (id),
        class TEXT NOT NULL,                 -- of retention
        at TEXT NOT NULL,
        name TEXT NOT NULL,                  -- of the officer who ordered it
        badge TEXT NOT NULL,
        notice TEXT                          -- id of the event that says so; NULL: not sent yet
    ) WITHOUT ROWID;
    """,
    """
    -- Every word of every officer; the very same word again is one.
    CREATE TABLE words (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL REFERENCES items (id),
        stage TEXT NOT NULL,
        name TEXT NOT NULL,
        badge TEXT NOT NULL,
        note TEXT,
        at TEXT NOT NULL
    );
    INSERT INTO words (id, stage, name, badge, note, at)
        SELECT id, stage, name, badge, note, at FROM answers ORDER BY at;
    DROP TABLE answers;
    ALTER TABLE words RENAME TO answers;
    CREATE INDEX answers_by_item ON answers (id);
    """,
    """
    -- What the station said of obligations: one row a step.
    CREATE TABLE followups (
        seq INTEGER PRIMARY KEY,             -- order of arrival
        obligation TEXT NOT NULL,
        step TEXT NOT NULL,
        rule TEXT NOT NULL,
        owes TEXT NOT NULL,                  -- members with spaces between
        owed TEXT NOT NULL,
        about TEXT,                          -- id of the event that opened it
        period TEXT,
        opened TEXT NOT NULL,
        due TEXT NOT NULL,
        at TEXT NOT NULL,
        to_whom TEXT,
        by TEXT,                             -- id of the event that discharged it
        charter TEXT NOT NULL,
        stored TEXT NOT NULL,
        hash BLOB NOT NULL,                  -- of what was signed
        statement BLOB NOT NULL,             -- as it came
        UNIQUE (obligation, step)
    );

    -- What follows from them, one row an obligation: how it stands by its last step.
    CREATE TABLE obligations (
        obligation TEXT PRIMARY KEY,
        rule TEXT NOT NULL,
        owes TEXT NOT NULL,
        owed TEXT NOT NULL,
        about TEXT,
        period TEXT,
        opened TEXT NOT NULL,
        due TEXT NOT NULL,
        at TEXT NOT NULL,
        ended TEXT,                          -- NULL: something is still owed
        by TEXT
    ) WITHOUT ROWID;
    CREATE INDEX obligations_open ON obligations (due) WHERE ended IS NULL;
    """,
    """
    -- The bell: one row a step and rung, whatever is planned again; they hold no content.
    CREATE TABLE rings (
        seq INTEGER PRIMARY KEY,
        subject TEXT NOT NULL,               -- id of an event, or of an obligation
        step TEXT NOT NULL,                  -- 'alarm', 'notice', or a step of the charter's
        rung TEXT NOT NULL,
        urgency TEXT NOT NULL CHECK (urgency IN ('alarm', 'call', 'notice', 'reminder')),
        about TEXT,                          -- id of the event
        rule TEXT,
        counties TEXT NOT NULL,              -- others who are concerned, with spaces between
        made TEXT NOT NULL,
        due TEXT NOT NULL,                   -- not before then
        state TEXT NOT NULL CHECK (state IN ('due', 'tried', 'delivered', 'failed', 'dropped')),
        at TEXT,                             -- since when it is in this state
        channel TEXT,                        -- that carried it
        rounds INTEGER NOT NULL DEFAULT 0,   -- how often every channel was tried in vain
        why TEXT,
        UNIQUE (subject, step, rung)
    );
    CREATE INDEX rings_open ON rings (due) WHERE state IN ('due', 'tried', 'failed');

    CREATE TABLE ring_tries (
        seq INTEGER PRIMARY KEY,
        ring INTEGER REFERENCES rings (seq), -- NULL: a test
        channel TEXT NOT NULL,
        tells TEXT NOT NULL,                 -- how much it carried
        at TEXT NOT NULL,
        ended TEXT,                          -- NULL: the process died before it knew
        outcome TEXT
    );
    CREATE INDEX ring_tries_by_channel ON ring_tries (channel, seq);
    CREATE INDEX ring_tries_by_ring ON ring_tries (ring);

    -- How far items and followups were looked through for what is to ring.
    CREATE TABLE ring_place (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        items INTEGER NOT NULL,
        followups INTEGER NOT NULL
    );
    CREATE INDEX obligations_about ON obligations (about) WHERE about IS NOT NULL;
    """,
    """
    -- What answers an event, found by that.
    CREATE INDEX letters_answering ON letters (json_extract(CAST(header AS TEXT), '$.reply_to.id'))
        WHERE json_extract(CAST(header AS TEXT), '$.reply_to.id') IS NOT NULL;
    """,
    """
    -- From the header as it was read: JSON functions of SQLite do not find a name that is written with escapes.
    DROP INDEX letters_answering;
    ALTER TABLE items ADD COLUMN reply_to TEXT;
    UPDATE items SET reply_to = (
        SELECT json_extract(CAST(letters.header AS TEXT), '$.reply_to.id') FROM letters WHERE letters.seq = items.seq
    );
    CREATE INDEX items_answering ON items (reply_to) WHERE reply_to IS NOT NULL;
    """,
    """
    -- Postings are read here, too: what our own events open and end stands in their postmarks.
    CREATE TABLE places (
        cluster TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('alert', 'digest', 'posting')),
        next INTEGER NOT NULL,
        PRIMARY KEY (cluster, kind)
    ) WITHOUT ROWID;
    INSERT INTO places SELECT cluster, kind, next FROM positions;
    DROP TABLE positions;
    ALTER TABLE places RENAME TO positions;
    """,
    """
    -- What is looked for several times a second is looked up, however many alarms nobody has acknowledged.
    CREATE INDEX items_expiring ON items (expires) WHERE state = 'ringing'
        AND type NOT IN ('yizhan.incident.forest_fire.v1', 'yizhan.incident.natural_disaster.v1')
        AND expires IS NOT NULL;
    CREATE INDEX rings_begun ON rings (at) WHERE state IN ('due', 'tried', 'failed') AND at IS NOT NULL;
    CREATE INDEX rings_of_alarms ON rings (made) WHERE state IN ('due', 'tried', 'failed') AND step = 'alarm';
    CREATE INDEX rings_in_vain ON rings (subject) WHERE state IN ('due', 'tried', 'failed') AND rounds > 0;
    """,
    """
    -- What a screen was shown, entered with the events; a row goes when it is in the access log.
    CREATE TABLE shown (
        seq INTEGER PRIMARY KEY,
        at TEXT NOT NULL,
        who TEXT NOT NULL,
        command TEXT NOT NULL,
        how TEXT NOT NULL CHECK (how IN ('opened', 'listed')),
        id TEXT NOT NULL
    );
    """,
)
