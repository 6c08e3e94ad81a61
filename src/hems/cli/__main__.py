"""``python -m hems.cli``: the same as ``hems``."""

from hems.cli import main

main()
