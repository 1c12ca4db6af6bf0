"""The actor of one collection: admit, apply, persist, show."""
