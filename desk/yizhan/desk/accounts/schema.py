"""The tables of ``desk.sqlite3``.

Rule 1: nothing here lets anybody in but the secrets of the authenticators, which cannot be kept otherwise: passwords
        are Argon2id, tokens and one-time codes SHA-256.
Rule 2: events are written once; the database itself refuses to change or delete them.
"""

from __future__ import annotations

from typing import Final

MIGRATIONS: Final = (
    """
    CREATE TABLE accounts (
        badge TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        roles TEXT NOT NULL,                 -- words with spaces between
        phc TEXT,                            -- NULL: the one-time link was not used yet
        totp BLOB,
        totp_step INTEGER NOT NULL DEFAULT 0,
        disabled INTEGER NOT NULL DEFAULT 0,
        made TEXT NOT NULL,
        changed TEXT                         -- the password
    ) WITHOUT ROWID;

    CREATE TABLE codes (
        hash TEXT PRIMARY KEY,
        badge TEXT NOT NULL REFERENCES accounts
    ) WITHOUT ROWID;

    -- A badge that nobody has is counted like any other. Hashed, as people type passwords into the wrong field.
    CREATE TABLE attempts (
        who TEXT PRIMARY KEY,
        failures INTEGER NOT NULL,
        until TEXT,
        last TEXT NOT NULL
    ) WITHOUT ROWID;

    CREATE TABLE sessions (
        key TEXT PRIMARY KEY,
        badge TEXT NOT NULL REFERENCES accounts,
        began TEXT NOT NULL,
        seen TEXT NOT NULL,
        locked INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID;

    CREATE TABLE links (
        hash TEXT PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind IN ('first', 'new', 'reset')),
        badge TEXT REFERENCES accounts,      -- NULL for the first one
        totp BLOB NOT NULL,
        expires TEXT NOT NULL
    ) WITHOUT ROWID;

    CREATE TABLE certificates (
        issuer TEXT NOT NULL,
        serial TEXT NOT NULL,
        badge TEXT NOT NULL REFERENCES accounts,
        PRIMARY KEY (issuer, serial)
    ) WITHOUT ROWID;

    CREATE TABLE devices (
        seq INTEGER PRIMARY KEY,
        hash TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        made TEXT NOT NULL,
        revoked TEXT
    );

    CREATE TABLE events (
        seq INTEGER PRIMARY KEY,
        time TEXT NOT NULL,
        kind TEXT NOT NULL,
        badge TEXT NOT NULL,                 -- whose account; empty where nobody's
        by TEXT NOT NULL,
        detail TEXT NOT NULL
    );
    CREATE TRIGGER events_stay BEFORE UPDATE ON events BEGIN SELECT raise(ABORT, 'events are only added'); END;
    CREATE TRIGGER events_are_new BEFORE INSERT ON events WHEN EXISTS (SELECT 1 FROM events WHERE seq = NEW.seq)
        BEGIN SELECT raise(ABORT, 'events are only added'); END;
    CREATE TRIGGER events_remain BEFORE DELETE ON events BEGIN SELECT raise(ABORT, 'events are only added'); END;
    """,
    """
    CREATE TABLE saved_searches (
        seq INTEGER PRIMARY KEY,
        badge TEXT NOT NULL REFERENCES accounts,
        name TEXT NOT NULL,
        query TEXT NOT NULL,                 -- of the page of searching, as its address has it
        made TEXT NOT NULL,
        UNIQUE (badge, name)
    );
    """,
    """
    CREATE TABLE shifts (
        seq INTEGER PRIMARY KEY,
        time TEXT NOT NULL,
        badge TEXT NOT NULL,                 -- who went off duty
        name TEXT NOT NULL,
        next_badge TEXT NOT NULL,            -- who came on duty, signed in with his own password
        next_name TEXT NOT NULL
    );
    CREATE TRIGGER shifts_stay BEFORE UPDATE ON shifts BEGIN SELECT raise(ABORT, 'shifts are only added'); END;
    CREATE TRIGGER shifts_remain BEFORE DELETE ON shifts BEGIN SELECT raise(ABORT, 'shifts are only added'); END;
    """,
)
