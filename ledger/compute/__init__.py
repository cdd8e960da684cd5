"""DuckDB over the logs: proves each activity line, and turns events, bindings and decisions into units.

The same rules as `ledger.core.evaluate`, fast; a test holds both to the same values. Each query is a file in `sql/`
that says what it computes. Nothing here writes to a node.
"""
