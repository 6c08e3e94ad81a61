"""A house and a GoodWe inverter that exist only in software, reachable over the real wire protocol."""
