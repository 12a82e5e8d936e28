"""Real processes that are killed, on real databases, against a server that misbehaves."""
