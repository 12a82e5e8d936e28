"""Jellyfin 10.9 and newer."""

from mydia_web.backends.jellyfin.client import Jellyfin

__all__ = ["Jellyfin"]
