"""Tariffs: what the household pays on top of the market; one file each, entered in the registry under its name."""
