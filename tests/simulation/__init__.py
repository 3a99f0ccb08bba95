"""The alliance in one process, driven by one seed: our real code on a simulated Kafka, disk and clock.

The outboxes of counties with their publishers, the inboxes with their bells, the station's worker, the closing of
periods and the ledger are the product's own classes. Simulated are: Kafka's clients (``kafka``), what a disk keeps
(``disk``), time, the moment at which a process dies, and the channels of a bell. Everything else is real: SQLite,
signatures, sealed content.

========= ==============================================================================
chance    the one source of randomness, and the faults that it brings
kafka     topics as lists; producers, consumers and admin clients as kafka-python has them
disk      SQLite files that lose what was not synced when the power fails
world     time, machines and processes; where a process may die
counties  a county's processes: commands, outbox, inbox with its bell
station   the station's worker on an event loop of its own; closing; the ledger
play      one run: faults first, then quiet; :mod:`tests.simulation.laws` judge it
values    what officers want, and what a run came to
planted   errors planted on purpose, all of which must be found
========= ==============================================================================

``python -m tests.simulation 1000`` plays a thousand seeds, ``--seed 7`` tells one of them step by step.
"""
