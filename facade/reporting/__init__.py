"""What the command line and the page have in common: reports as data, how figures are written, exports."""
