"""``python -m weighbridge.cli``: the same as the command ``weighbridge``."""

from weighbridge.cli import main

main()
