"""/queue: the changes owed to servers, and what a person can do about them."""

from mydia_web.web.queue.views import bp

__all__ = ["bp"]
