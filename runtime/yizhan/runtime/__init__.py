"""What every long-running process shares: settings, connection, stores. Imports schemas only."""
