"""Films, shows and episodes: their pages, their marks, and undo."""

from mydia_web.web.items.views import bp

__all__ = ["bp"]
