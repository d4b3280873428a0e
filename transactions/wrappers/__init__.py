"""Wrappers that open transactions around calls and blocks: the four call forms, for every kind of callable."""
