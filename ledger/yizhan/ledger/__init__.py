"""The ledger: an append-only Merkle log of every statement of the station, cosigned by counties.

Rule 1: imports schemas and runtime only; Kafka is imported in ``kafka_io.py`` alone.
Rule 2: formats are those of C2SP (tlog-tiles, tlog-checkpoint, signed-note, tlog-cosignature,
        tlog-proof), so that our log can be checked without our program.
"""
