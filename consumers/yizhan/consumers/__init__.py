"""A county's receiving side: inbox, receipts, digests, bell. Imports schemas and runtime only."""
