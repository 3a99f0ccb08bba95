"""The station: what it admits, what it decides, what it writes, and how a period closes.

Rule 1: blind. Nothing in this package can open a payload, and no county's private key is here.
Rule 2: decisions are pure (``station``, ``closing``); Faust and Kafka are thin shells around them.
"""
