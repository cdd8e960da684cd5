"""Speed and memory as ratios in one run: `python -m benchmarks` prints the table. Nothing in the ledger imports it."""
