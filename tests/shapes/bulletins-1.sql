CREATE TABLE bulletins ( label TEXT NOT NULL, partner TEXT NOT NULL, state TEXT NOT NULL, moved TEXT NOT NULL, author TEXT, reviewer TEXT, remark TEXT, office TEXT, token TEXT, draft INTEGER, PRIMARY KEY (label, partner) ) WITHOUT ROWID;
CREATE TABLE versions ( seq INTEGER PRIMARY KEY, label TEXT NOT NULL, partner TEXT NOT NULL, at TEXT NOT NULL, by TEXT, content TEXT NOT NULL, file TEXT NOT NULL );
CREATE INDEX versions_of ON versions (label, partner, seq);
PRAGMA user_version = 1;
