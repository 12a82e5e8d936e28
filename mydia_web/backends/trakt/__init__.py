"""Trakt, the account service that keeps what a person has watched, by version 2 of its API."""

from mydia_web.backends.trakt.client import Trakt

__all__ = ["Trakt"]
