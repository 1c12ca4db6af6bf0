"""The contract on an object store: a log of create-only slots, and snapshots beside it (`docs/cloud.md`)."""
