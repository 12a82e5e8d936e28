"""mydia-web: one record of what you watch, kept the same on every server."""

from mydia_web.app import create_app

__all__ = ["create_app"]
