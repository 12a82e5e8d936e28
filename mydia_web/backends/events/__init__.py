"""What servers send by themselves, read into one shape: pure, without database or web."""

from mydia_web.backends.errors import BadPayload
from mydia_web.backends.values import Event

__all__ = ["BadPayload", "Event"]
