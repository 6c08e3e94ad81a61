"""The one place where objects are wired: what the owner configured becomes parts that work together."""
