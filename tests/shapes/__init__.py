"""The shapes of every released SQLite store: ``STORE-VERSION.sql`` is its schema, as the former code made it.

``python -m tests.shapes.make`` writes those that are missing, from the history of this repository. A shape that is
there is never written again: databases of that shape are on the disks of counties.
"""
