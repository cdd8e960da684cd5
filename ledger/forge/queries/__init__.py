"""The questions that the forge asks GitHub, as GraphQL files."""
