"""Pure reading of prices and batteries: what is cheap, what the battery can take."""
