"""What the middle of the house needs from its edges, as protocols."""
