"""The fault campaign: whole simulated days in which everything goes wrong, judged on the simulated physics."""
