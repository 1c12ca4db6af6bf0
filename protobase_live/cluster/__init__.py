"""Nodes that hold the same database: what they send each other, and when."""
