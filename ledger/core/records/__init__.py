"""Records of a node's files as strict, frozen models (specification, section 3)."""
