"""What a pull is doing, and since when, in words."""

from datetime import datetime

from flask import Flask

from mydia_web.sources.models import Pull
from mydia_web.sync.pulls import is_being_read
from mydia_web.web.frame.filters import clock_time, day_and_time, local, today


def register(app: Flask) -> None:
    app.add_template_filter(pull_words)


def pull_words(pull: Pull) -> str:
    """Say what an open pull is doing: `Reading since 21:04 · 6,000 of 20,000 titles.`"""
    return f"{_doing(pull)}{_how_far(pull)}.{_what_follows(pull)}"


def asked_words(name: str, pull: Pull) -> str:
    """Say what came of asking for a pull of the source of that name."""
    if pull.began_at is None:
        return f"{name} is about to be read."
    return f"{name} was asked for before. {pull_words(pull)}"


def _doing(pull: Pull) -> str:
    if pull.began_at is None:
        return f"Asked for at {_at(pull.requested_at)}, waiting for a worker"
    if not is_being_read(pull):
        return f"Interrupted at {_at(pull.moved_at or pull.began_at)}, goes on by itself"
    verb = "Looking what a pull would bring" if pull.is_preview else "Reading"
    return f"{verb} since {_at(pull.began_at)}"


def _how_far(pull: Pull) -> str:
    if pull.total:
        return f" · {pull.done:,} of {pull.total:,} titles"
    return f" · {pull.done:,} so far" if pull.done else ""


def _what_follows(pull: Pull) -> str:
    if pull.followed_by in ("sweep", "removals", "keep"):
        return " Everything is read after that."
    return " It is read after that." if pull.followed_by else ""


def _at(at: datetime) -> str:
    return clock_time(at) if local(at).date() == today() else day_and_time(at)
