"""DuckDB over the logs: one `.sql` file a query, whose header says its inputs, columns, units and invariants.

The engine proves lines canonical, joins and sums in exact integers (ALL_MATH_BIGINT); splitting a pool stays in core.
It must not write to the node, reach the network or build SQL from text that came from outside.
"""
