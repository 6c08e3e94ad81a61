"""What would have been: the same past with another tariff, another battery, or another mind in charge."""
