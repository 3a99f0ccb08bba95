"""A county listens: inbox, receipts, digests, bulletin. Imports schemas and runtime only."""
