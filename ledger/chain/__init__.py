"""What a chain says: transactions, logs and blocks, asked of a node that the operator names. Reads only."""
