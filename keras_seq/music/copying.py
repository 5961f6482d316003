"""How much of a tune was copied: longest shared text, shared melody."""
