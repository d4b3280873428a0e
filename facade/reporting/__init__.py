"""Shared by the command line and the page: reports as data, the formatting of figures, and exports."""
