"""``protobase-live demo``: three linked nodes as processes, and a page to try them with."""
