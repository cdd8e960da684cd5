"""The engine: every line proved, every sum held to the plain-Python reference, nothing read but the node."""
