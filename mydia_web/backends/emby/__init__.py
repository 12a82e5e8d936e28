"""Emby 4.6 and newer."""

from mydia_web.backends.emby.client import Emby

__all__ = ["Emby"]
