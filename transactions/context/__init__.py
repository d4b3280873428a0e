"""The current transaction, and whether a call belongs to it."""
