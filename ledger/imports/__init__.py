"""Records of older systems: a file's bytes come in, people and history lines go out. No disk, no node, no network."""
