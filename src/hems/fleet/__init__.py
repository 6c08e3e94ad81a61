"""Thousands of homes at once: planned by the exact kernel, on whatever does the work, under one limit where asked."""
