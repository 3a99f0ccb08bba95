CREATE TABLE drafts ( n INTEGER PRIMARY KEY AUTOINCREMENT, type TEXT NOT NULL, content TEXT NOT NULL, asked TEXT NOT NULL, begun TEXT NOT NULL, changed TEXT NOT NULL, sending TEXT , state TEXT NOT NULL DEFAULT 'writing', version INTEGER NOT NULL DEFAULT 1, author TEXT, reviewer TEXT, moved TEXT, remark TEXT, refused TEXT, confirmed INTEGER NOT NULL DEFAULT 0, once TEXT);
CREATE TABLE memory ( name TEXT PRIMARY KEY, value TEXT NOT NULL );
CREATE INDEX drafts_queued ON drafts (n) WHERE state = 'queued';
CREATE UNIQUE INDEX drafts_once ON drafts (once) WHERE once IS NOT NULL;
CREATE TABLE uploads ( n INTEGER NOT NULL REFERENCES drafts (n) ON DELETE CASCADE, name TEXT NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY (n, name) ) WITHOUT ROWID;
CREATE TABLE sent ( n INTEGER PRIMARY KEY, event TEXT NOT NULL, author TEXT, reviewer TEXT, at TEXT NOT NULL, once TEXT );
CREATE UNIQUE INDEX sent_once ON sent (once) WHERE once IS NOT NULL;
PRAGMA user_version = 2;
