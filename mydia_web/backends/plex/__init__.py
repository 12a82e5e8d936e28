"""Plex Media Server, by its HTTP API and by plex.tv for signing in."""

from mydia_web.backends.plex.client import Plex

__all__ = ["Plex"]
