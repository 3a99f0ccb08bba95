CREATE TABLE held (county TEXT NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (county, hash)) WITHOUT ROWID;
CREATE TABLE progress ( county TEXT PRIMARY KEY, cluster TEXT NOT NULL, held_until INTEGER NOT NULL, read_until INTEGER NOT NULL, manifest BLOB, may_be_open INTEGER NOT NULL );
PRAGMA user_version = 1;
