"""The files of a new node, as templates of `string.Template`; nothing here runs."""
