"""Queries and expressions as data, and what they mean."""
