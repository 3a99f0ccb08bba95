"""Shared by all long-running processes: settings, connection, stores. Imports schemas only."""
