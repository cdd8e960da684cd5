"""Engines that many nodes are asked by at once: one body of SQL for each question, one loader for each engine.

DuckDB on this machine, or whatever speaks Spark's protocol. They recompute sums and hashes; that each line is spelled
right is proved by `ledger.compute`. Nothing here writes to a node.
"""
