"""Queries: what to ask of collections, and how it is answered, once or for as long as somebody watches."""
