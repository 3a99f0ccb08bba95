"""The station: it admits events, decides their routes, writes the outputs, and closes periods.

Rule 1: blind. Nothing in this package can open a payload, and no county's private key is here.
Rule 2: decisions are pure (``station``, ``closing``); Faust and Kafka are thin shells around them.
"""
