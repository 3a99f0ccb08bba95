"""A county speaks: outbox, sealing, publishing, imports. Imports schemas and runtime only."""
