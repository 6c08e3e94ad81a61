"""Energy management for homes with a GoodWe hybrid inverter, a battery and solar panels."""

__version__ = "0.1.0"
