"""What is wrong with an installation and what to do about it: ``hems doctor``, shared with the connection test.

model      what a finding is; every kind of finding stands in a catalogue with its meaning and advice
runner     checks side by side, each bounded in time, a broken one reported and no more
house      configuration, places and record that the checks share
catalogue  all kinds of findings together; ``table`` makes docs/troubleshooting.md of them
inverter, clock, prices, disk, rights, service, machine: one group of checks each
"""
