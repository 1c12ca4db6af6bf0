"""Who is in a collection right now."""
