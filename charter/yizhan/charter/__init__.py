"""Signatures on the charter: The Update Framework (TUF) for the charter's three kinds of file.

The charter's files, their keys and their history are a TUF repository (specification 1.0.34, by
python-tuf). This package defines what TUF leaves open: who holds which role, how many must sign, which
files there are, and from when a version is in force.

Rule 1: root and the top-level targets are the members' offices, a majority of them; each county
        has its own terminating delegation, confined to ``counties/<code>/*``.
Rule 2: one key, one owner, one office: nobody counts twice.
Rule 3: a reader starts from a root file that a person gave it; never from what it finds first.
Rule 4: whatever is offered, the last good version stays in force, and the fault is named.
"""
