"""Live queries: views over what collections have shown, and who watches them."""
