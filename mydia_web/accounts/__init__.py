"""The people who watch, and how they sign in."""
