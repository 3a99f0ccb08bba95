"""The contract between counties and station: what may be said, byte for byte.

Rule 1: pure. Time, randomness, keys and policy are arguments; nothing here reads a clock, a
        network or, but for key and charter files, a disk.
Rule 2: imports nothing else of ours, so that anyone can check what anyone else decided.
"""
