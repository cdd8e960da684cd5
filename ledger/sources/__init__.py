"""Collectors behind one port: each is a thin fetch and a pure `raw → events`, with its name and version.

An event names its producer and hashes the same however it reached us (PROVENANCE_REQUIRED, ACTIVITY_IDEMPOTENT).
A source must not know the node, its other events or their worth: it yields, flows decide and store writes.
"""
