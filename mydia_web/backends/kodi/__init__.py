"""Kodi 19 and newer, by JSON-RPC over HTTP."""

from mydia_web.backends.kodi.client import Kodi

__all__ = ["Kodi"]
