"""``weighbridge run``: a program is measured without a change to it.

This is the only place where weighbridge replaces anything of others, and nothing
here is active without ``weighbridge run``. The command puts a folder with one file
in front of ``PYTHONPATH`` and becomes the program; Python runs that file at its
start; it watches for the imports of frameworks and servers, and puts the
middleware where a line of the program would have put it.
"""

from __future__ import annotations
