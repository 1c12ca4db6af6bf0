"""The protocol that nodes of a cluster speak to each other over `/peer` (docs/protocol.md)."""
