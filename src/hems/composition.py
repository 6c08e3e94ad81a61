"""The one place where objects are wired."""
