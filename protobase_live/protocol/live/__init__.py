"""The live protocol (``docs/protocol.md``): its messages, and both sides as state machines."""
