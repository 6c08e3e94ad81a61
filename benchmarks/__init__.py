"""What the product promises of its speed, size and plans, measured beside others: `python -m benchmarks --help`."""
