"""The queue's page, as its address filters it."""

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from flask import g, request, url_for

from mydia_web.accounts.models import User
from mydia_web.accounts.users import list_users
from mydia_web.backends.traits import Traits
from mydia_web.clock import now
from mydia_web.errors import InvalidValue
from mydia_web.queue.attempts import SyncAttempt, list_attempts
from mydia_web.queue.board import (
    MAX_COUNT,
    Count,
    Filter,
    Kind,
    Owed,
    Page,
    Row,
    Tab,
    count_tabs,
    list_rows,
    owed_by_source,
)
from mydia_web.queue.board import Cursor as RowCursor
from mydia_web.queue.models import QueuedChange
from mydia_web.sources.accounts import list_sources
from mydia_web.sources.health import Health, health
from mydia_web.sources.models import Source
from mydia_web.sources.overview import accounts_of_user
from mydia_web.sources.registry import backend_class
from mydia_web.web.frame.cursor import ID, TIME, Cursor

#: Seconds between two polls while something is being sent, and while nothing is.
FAST = 2
SLOW = 30
#: How many of the kept attempts are shown.
ATTEMPTS = 5

CURSOR = Cursor(
    parameter="before",
    place=RowCursor,
    fields=(TIME, ID),
    error="This is not a place in the queue.",
)

_KIND_NAMES = {
    Kind.WATCHED: "Watched",
    Kind.UNWATCHED: "Unwatched",
    Kind.POSITION: "Positions",
    Kind.PLAY: "Past plays",
}


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """One source, with its health and what it is owed."""

    source: Source
    owed: Owed
    health: Health

    @property
    def traits(self) -> Traits:
        return backend_class(self.source.kind).traits


class Board:
    """The page, read as far as it is shown. Raises `InvalidValue` for an impossible address."""

    def __init__(self) -> None:
        self.tab = asked_tab()
        self.filter = asked_filter()
        self.before = CURSOR.asked()
        #: Admins see everyone's rows.
        self.everyone = visible_user() is None

    @cached_property
    def counts(self) -> dict[Tab, Count]:
        return count_tabs(self.filter)

    @cached_property
    def page(self) -> Page:
        return list_rows(self.tab, self.filter, before=self.before)

    @cached_property
    def attempts(self) -> dict[int, list[SyncAttempt]]:
        return list_attempts([row.change.id for row in self.page.rows], limit=ATTEMPTS)

    @cached_property
    def sources(self) -> list[SourceStatus]:
        """The sources that take changes; for all but admins those the user has an account on."""
        accounts = accounts_of_user(g.user.id)
        owed = owed_by_source(visible_user())
        statuses = [
            SourceStatus(
                source, owed.get(source.id, Owed()), health(source, accounts.get(source.id))
            )
            for source in list_sources()
            if self.everyone or source.id in accounts
        ]
        return [status for status in statuses if status.traits.takes_pushes]

    @cached_property
    def people(self) -> list[User]:
        if self.everyone:
            return list(list_users())
        return []

    @property
    def poll_seconds(self) -> int:
        if self.counts[Tab.SENDING].number:
            return FAST
        return SLOW

    @property
    def needs_you(self) -> Count:
        """The number of changes that need a person, whatever the filter."""
        return _sum([status.owed.needs_you for status in self.sources])

    @property
    def goes_out(self) -> Count:
        """The number of changes that will be sent by themselves, whatever the filter."""
        return _sum([status.owed.waiting + status.owed.sending for status in self.sources])

    @property
    def paused(self) -> int:
        """The number of sources that a person has paused."""
        return sum(status.health.mood == "paused" for status in self.sources)

    @property
    def is_filtered(self) -> bool:
        return self.filter != Filter(visible_user())

    @property
    def kinds(self) -> list[tuple[Kind, str]]:
        """The kinds of change to choose from; plays only where a source counts them."""
        has_plays = any(status.traits.counts_plays for status in self.sources)
        is_offered = has_plays or self.filter.kind is Kind.PLAY
        return [
            (kind, name)
            for kind, name in _KIND_NAMES.items()
            if kind is not Kind.PLAY or is_offered
        ]

    @property
    def older(self) -> str | None:
        """The address of the next page."""
        place = self.page.older
        if place is None:
            return None
        return self.url(before=CURSOR.write(*place))

    def is_foreign(self, row: Row) -> bool:
        """Return whether an admin sees the row of someone else."""
        return self.everyone and row.change.user_id != g.user.id

    def url(self, **changes: Any) -> str:
        """Return the address of this page with such changes: "/queue?tab=done&source=2"."""
        return url_for("queue.index") + self.query(**changes)

    def query(self, **changes: Any) -> str:
        """Return the query string of this page with such changes: "?tab=done&source=2"."""
        asked = asked_parameters() | changes
        given = {name: str(value) for name, value in asked.items() if value not in (None, "")}
        if given:
            return f"?{urlencode(given)}"
        return ""

    def fingerprint(self) -> str:
        """Return a digest of all that is shown. Words such as “2 min ago” may lag by a minute."""
        sources = [(status.source.name, status.owed, status.health) for status in self.sources]
        shown = (
            [_version(row.change) for row in self.page.rows],
            self.counts,
            sources,
            (self.query(), self.page.older, g.user.id, g.user.time_zone),
            int(now().timestamp() // 60),
        )
        return hashlib.sha256(repr(shown).encode()).hexdigest()[:20]


def _version(change: QueuedChange) -> tuple[object, ...]:
    return change.id, change.updated_at, change.intent_seq, change.status


def _sum(numbers: list[int]) -> Count:
    """Add up numbers that were each counted no further than `MAX_COUNT`."""
    return Count(sum(numbers), is_exact=max(numbers, default=0) < MAX_COUNT)


def visible_user() -> int | None:
    """Return whose rows the user may see; None: everyone's."""
    user: User = g.user
    if user.is_admin:
        return None
    return user.id


def asked_parameters() -> dict[str, str | None]:
    """Return what the address asks for, as it is written there."""
    names = ["tab", "source", "type", "before"]
    if g.user.is_admin:
        names.insert(3, "user")
    return {name: request.args.get(name) for name in names}


def asked_tab() -> Tab:
    asked = request.args.get("tab", "")
    if asked in list(Tab):
        return Tab(asked)
    return Tab.WAITING


def asked_filter() -> Filter:
    """Return the filter that the address asks for. Raises `InvalidValue`.

    What is not understood must not widen it: one press may skip everything it shows.
    """
    asked = request.args.get("type", "")
    if asked and asked not in list(Kind):
        raise InvalidValue("type", "There is no such type of change.")
    user_id = visible_user()
    if user_id is None:
        user_id = _asked_id("user")
    return Filter(user_id, _asked_id("source"), Kind(asked) if asked else None)


def _asked_id(name: str) -> int | None:
    asked = request.args.get(name, "")
    if not asked:
        return None
    if not re.fullmatch(r"[0-9]{1,18}", asked):
        raise InvalidValue(name, f"This is not the number of a {name}.")
    return int(asked)
