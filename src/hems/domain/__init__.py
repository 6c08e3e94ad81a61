"""The words of the field as types: units, time, readings, prices, commands, records. Imports nothing of ours."""
