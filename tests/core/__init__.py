"""The rules, held to published vectors, to independent implementations and to every refusal that they promise."""
