CREATE TABLE statements ( place INTEGER PRIMARY KEY, statement BLOB NOT NULL );
CREATE TABLE subjects ( subject TEXT NOT NULL, entry BLOB NOT NULL, place INTEGER NOT NULL, PRIMARY KEY (subject, entry) ) WITHOUT ROWID;
CREATE TABLE events ( id TEXT NOT NULL, place INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (id, place) ) WITHOUT ROWID;
CREATE TABLE alarms ( seq INTEGER PRIMARY KEY, kind TEXT NOT NULL CHECK (kind IN ('second_statement', 'second_hash')), subject TEXT NOT NULL, first INTEGER NOT NULL, place INTEGER NOT NULL );
CREATE TABLE aside ( entry BLOB PRIMARY KEY, statement BLOB NOT NULL, why TEXT NOT NULL ) WITHOUT ROWID;
PRAGMA user_version = 1;
