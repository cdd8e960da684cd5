"""Payment files behind one port: a signed plan goes in, the bytes that a bank, a Safe or a platform reads come out.

Pure and deterministic. Nothing here reads or writes the node, and nothing pays: people do, with these files.
"""
