CREATE TABLE consoles ( id TEXT PRIMARY KEY, badge TEXT NOT NULL, label TEXT NOT NULL, seen TEXT NOT NULL, audible INTEGER NOT NULL, heard TEXT ) WITHOUT ROWID;
CREATE TABLE marks ( event TEXT NOT NULL, console TEXT NOT NULL REFERENCES consoles (id) ON DELETE CASCADE, shown TEXT NOT NULL, audible TEXT, PRIMARY KEY (event, console) ) WITHOUT ROWID;
CREATE INDEX marks_by_time ON marks (shown);
CREATE INDEX marks_by_console ON marks (console);
PRAGMA user_version = 1;
