"""Databases that are acknowledged from a folder, and uploaded to an object store behind it."""
