"""A comparison with other engines that anyone can repeat: `make bench-peers`."""
