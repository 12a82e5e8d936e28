"""The engine between us and the servers: news come in by pulls, what is owed goes out by the worker."""
