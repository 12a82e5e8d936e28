"""What is sent to Trakt, and what it says it did with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mydia_web.backends.errors import ServerTrouble
from mydia_web.backends.trakt import mapping
from mydia_web.backends.trakt.api import Api
from mydia_web.backends.trakt.mapping import PLURAL, Row
from mydia_web.backends.values import ContentKind

ADD, REMOVE, PAUSE, PLAYBACK = (
    "sync/history",
    "sync/history/remove",
    "scrobble/pause",
    "sync/playback",
)
Entries = Mapping[ContentKind, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Sent:
    """How many plays were added or removed, and which titles Trakt does not know."""

    done: int
    missing: frozenset[tuple[ContentKind, int]]


NOTHING = Sent(0, frozenset())


def title(number: int) -> dict[str, Any]:
    """One id: Trakt's description allows no more."""
    return {"ids": {"trakt": number}}


def play(number: int, at: datetime | None) -> dict[str, Any]:
    """None: nobody knows when."""
    return {**title(number), "watched_at": mapping.stamp(at) if at else "unknown"}


def pause(kind: ContentKind, row: Row, percent: float) -> dict[str, Any]:
    known = row.title(kind)
    named: dict[str, Any] = title(known.ids.trakt)
    if kind == "movie" and known.title and known.year:
        named |= {"title": known.title, "year": known.year}
    return {kind: named, "progress": percent}


def send(api: Api, path: str, entries: Entries) -> Sent:
    """Add or remove plays, at most a hundred. A title that Trakt does not know is no error of the
    request.
    """
    told = api.post(
        path, {PLURAL[kind]: list(of_kind) for kind, of_kind in entries.items() if of_kind}
    ).json()
    if not isinstance(told, dict) or not isinstance(told.get("not_found"), dict):
        raise ServerTrouble("Trakt did not say what it did with the plays.")
    counts = told.get("deleted") if path == REMOVE else told.get("added")
    done = (
        sum(count for count in counts.values() if isinstance(count, int))
        if isinstance(counts, dict)
        else 0
    )
    missing = {
        (kind, number)
        for kind, plural in PLURAL.items()
        for entry in told["not_found"].get(plural) or ()
        if (number := _number(entry)) is not None
    }
    return Sent(done, frozenset(missing))


def _number(entry: object) -> int | None:
    ids = entry.get("ids") if isinstance(entry, dict) else None
    number = ids.get("trakt") if isinstance(ids, dict) else None
    return number if isinstance(number, int) else None
