"""The edges: clock, inverters, prices, tariffs, storage, notification."""
