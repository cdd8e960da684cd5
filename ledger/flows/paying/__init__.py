"""From a signed statement to money that arrived: the book, plans, payment files, settlements, a person's own word."""
