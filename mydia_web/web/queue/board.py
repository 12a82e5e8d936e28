"""What /queue shows for what its address asks."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from flask import g, request

from mydia_web.accounts.models import User
from mydia_web.accounts.users import list_users
from mydia_web.backends.traits import Traits
from mydia_web.clock import now
from mydia_web.errors import InvalidValue
from mydia_web.queue.attempts import SyncAttempt, list_attempts
from mydia_web.queue.board import (
    MAX_COUNT,
    Count,
    Cursor,
    Filter,
    Kind,
    Owed,
    Page,
    Tab,
    count_tabs,
    list_rows,
    owed_by_source,
)
from mydia_web.sources.accounts import list_sources
from mydia_web.sources.health import Health, health
from mydia_web.sources.models import Source
from mydia_web.sources.overview import accounts_of_user
from mydia_web.sources.registry import backend_class

#: Seconds between two looks while something is being sent, and while nothing is.
FAST, SLOW = 2, 30
#: Of the attempts that are kept so many are shown.
ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """How one source stands."""

    source: Source
    owed: Owed
    health: Health

    @property
    def traits(self) -> Traits:
        return backend_class(self.source.kind).traits


class Board:
    """The page, read as far as it is looked at. Raises `InvalidValue` for what no page of ours has
    written.
    """

    def __init__(self) -> None:
        self.tab = asked_tab()
        self.only = asked_filter()
        self.before = _asked_place()
        #: Admins see everyone's rows.
        self.everyone = whose() is None

    @cached_property
    def counts(self) -> dict[Tab, Count]:
        return count_tabs(self.only)

    @cached_property
    def page(self) -> Page:
        return list_rows(self.tab, self.only, before=self.before)

    @cached_property
    def attempts(self) -> dict[int, list[SyncAttempt]]:
        return list_attempts([row.change.id for row in self.page.rows], limit=ATTEMPTS)

    @cached_property
    def strip(self) -> list[SourceStatus]:
        """The sources that can be told something: everyone's for admins, else those the user has an
        account on.
        """
        accounts, owed = accounts_of_user(g.user.id), owed_by_source(whose())
        standings = [
            SourceStatus(
                source, owed.get(source.id, Owed()), health(source, accounts.get(source.id))
            )
            for source in list_sources()
            if self.everyone or source.id in accounts
        ]
        return [one for one in standings if one.traits.takes_pushes]

    @cached_property
    def people(self) -> list[User]:
        return list(list_users()) if self.everyone else []

    @property
    def every(self) -> int:
        return FAST if self.counts[Tab.SENDING].number else SLOW

    @property
    def needs_you(self) -> Count:
        """What needs a person, whatever the filter."""
        return _sum([one.owed.needs_you for one in self.strip])

    @property
    def goes_out(self) -> Count:
        """What goes out by itself, whatever the filter."""
        return _sum([one.owed.waiting + one.owed.sending for one in self.strip])

    @property
    def paused(self) -> int:
        """How many sources a person has paused."""
        return sum(one.health.mood == "paused" for one in self.strip)

    @property
    def is_filtered(self) -> bool:
        return self.only != Filter(whose())

    @property
    def knows_plays(self) -> bool:
        """Is there a source that counts plays?"""
        return self.only.kind is Kind.PLAY or any(one.traits.counts_plays for one in self.strip)

    def query(self, **changes: Any) -> str:
        """What follows the address of a page like this one, with such changes:
        "?tab=done&source=2".
        """
        asked = asked_parameters() | changes
        found = {name: str(value) for name, value in asked.items() if value not in (None, "")}
        return f"?{urlencode(found)}" if found else ""

    def fingerprint(self) -> str:
        """Of all that is shown. Words such as “2 min ago” may lag by a minute for it."""
        changes = [row.change for row in self.page.rows]
        shown = (
            [(one.id, one.updated_at, one.intent_seq, one.status) for one in changes],
            self.counts,
            [(one.source.name, one.owed, one.health) for one in self.strip],
            (self.query(), self.page.older, g.user.id, g.user.time_zone),
            int(now().timestamp() // 60),
        )
        return hashlib.sha256(repr(shown).encode()).hexdigest()[:20]


def _sum(numbers: list[int]) -> Count:
    """Of numbers counted no further than `MAX_COUNT` each."""
    return Count(sum(numbers), is_exact=max(numbers, default=0) < MAX_COUNT)


def whose() -> int | None:
    """Admins see everyone's rows."""
    return None if g.user.is_admin else g.user.id


def asked_parameters() -> dict[str, str | None]:
    """What the address asks, as it is written in it."""
    names = ("tab", "source", "type", *(("user",) if g.user.is_admin else ()), "before")
    return {name: request.args.get(name) for name in names}


def asked_tab() -> Tab:
    asked = request.args.get("tab", "")
    return Tab(asked) if asked in list(Tab) else Tab.WAITING


def asked_filter() -> Filter:
    """What is asked and not understood must not widen it: everything it shows may be skipped by one
    press.
    """
    asked = request.args.get("type", "")
    if asked and asked not in list(Kind):
        raise InvalidValue("type", "There is no such type of change.")
    user_id = g.user.id if whose() is not None else _asked_id("user")
    return Filter(user_id, _asked_id("source"), Kind(asked) if asked else None)


def _asked_id(name: str) -> int | None:
    asked = request.args.get(name, "")
    if asked and not re.fullmatch(r"[0-9]{1,18}", asked):
        raise InvalidValue(name, f"This is not the number of a {name}.")
    return int(asked) if asked else None


def _asked_place() -> Cursor | None:
    asked = request.args.get("before", "")
    if not asked:
        return None
    at, _, row_id = asked.rpartition("_")
    try:
        place = Cursor(datetime.fromisoformat(at), int(row_id))
    except ValueError as error:
        raise InvalidValue("before", "This is not a place in the queue.") from error
    if place.updated_at.tzinfo is None:
        raise InvalidValue("before", "This is not a place in the queue.")
    return place


def written(place: Cursor) -> str:
    return f"{place.updated_at.isoformat()}_{place.row_id}"
