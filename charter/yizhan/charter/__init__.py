"""Who signed the charter: The Update Framework behind the three kinds of file.

The charter's files, their keys and their history are a TUF repository (specification 1.0.34, by
python-tuf). What TUF leaves open is fixed here: who holds which role, how many must sign, which
files there are, and from when a version holds.

Rule 1: root and the top-level targets are the members' offices, a majority of them; each county
        has its own terminating delegation, confined to ``counties/<code>/*``.
Rule 2: one key, one owner, one office: nobody counts twice.
Rule 3: a reader starts from a root file that a person gave it; never from what it finds first.
Rule 4: whatever comes in, the last good version stays, and the fault is named.
"""
