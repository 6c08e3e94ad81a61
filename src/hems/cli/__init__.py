"""The console: ``hems`` and the documented ``src/master_coordinator.py``."""
