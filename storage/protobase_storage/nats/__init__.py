"""`nats://`: the contract on a NATS JetStream that several processes share."""
