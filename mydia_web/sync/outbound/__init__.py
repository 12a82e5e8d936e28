"""Outbound: deliver the rows of the queue to the servers."""
