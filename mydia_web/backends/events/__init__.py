"""Readers of the webhooks of all kinds of server: pure, without database or web."""
