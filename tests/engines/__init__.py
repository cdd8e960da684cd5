"""The engines beside compute: one body of SQL, the same rows from each, and the same words where something is wrong."""
