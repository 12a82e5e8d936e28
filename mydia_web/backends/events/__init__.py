"""What servers send by themselves, read into one shape: pure, without database or web."""

from mydia_web.backends.events.base import BadPayload, Event

__all__ = ["BadPayload", "Event"]
