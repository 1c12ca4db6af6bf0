"""Change streams: what happens in a collection, from its feed or its log."""
