"""One epoch held to all that is asked of it: a file for each thing that is looked at."""
