"""Pure models of a house over time: self-use, settlement of energy in money."""
