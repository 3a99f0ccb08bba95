"""Who may sign in at the desk: accounts, roles, sessions."""
