"""The outbox: what servers must still be told."""
