"""The outbox: changes that servers have yet to receive."""
