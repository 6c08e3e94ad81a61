"""Inverters: one package per make, each behind the ports of :mod:`hems.ports.inverter`."""
