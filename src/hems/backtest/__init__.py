"""The same code decides over a past that is known: only what was known then may be seen."""
