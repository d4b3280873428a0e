"""What opens transactions around calls and blocks: the four call forms, for everything that can be called."""
