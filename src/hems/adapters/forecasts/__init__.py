"""Forecast sources: one file each, entered in the registry under its name."""
