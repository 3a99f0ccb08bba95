"""One module a command: its words, and how it puts the parts together."""
