"""Other people's planners, asked the same questions as our own."""
