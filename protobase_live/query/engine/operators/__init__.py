"""The operators of a query, one a file; what they all keep to is in :mod:`.operator`."""
