"""Expressions made into Python functions. See :mod:`protobase_live.query.expressions` for what they mean."""
