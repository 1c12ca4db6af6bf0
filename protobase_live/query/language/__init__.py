"""How queries are written: the builder, their text, and their canonical form."""
