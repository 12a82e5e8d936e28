"""The worker: delivers what is owed and pulls what is new. Below the edges, only this package commits."""
