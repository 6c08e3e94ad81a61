"""The clocked cycle: collect, make safe, decide, act, verify, record."""
