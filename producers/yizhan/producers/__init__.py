"""A county's sending side: outbox, sealing, publishing, imports. Imports schemas and runtime only."""
