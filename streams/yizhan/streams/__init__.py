"""The station: admits, decides, postmarks, forwards; it can open nothing (law 3)."""
