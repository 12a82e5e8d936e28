"""Ten weeks of evenings, told to the domain as if they had just happened."""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import func, select, update

from mydia_web.accounts.models import User
from mydia_web.db import db
from mydia_web.demo.household import BEDROOM, LIVING_ROOM, Household
from mydia_web.library.models import Content, Episode
from mydia_web.playback.acts import Act, Mark
from mydia_web.playback.continue_watching import dismiss
from mydia_web.playback.models import ChangeSet, Play, PlaybackProgress, ShowProgress
from mydia_web.playback.progress import mark_watched
from mydia_web.sources.models import Source, SourceAccount, SourceItem

#: Clicks of a moment ago, still inside their undo window.
JUST_MARKED = ("A Parliament of Foxes", "The Marigold Protocol")

_EVENINGS = Path(__file__).with_name("evenings.toml")
#: Where something was watched that evenings.toml does not place, and how often in a hundred.
_PLACES = {LIVING_ROOM: 60, BEDROOM: 24, "web": 8, "player": 8}
#: The Bedroom has not answered since so many days ago.
_BEDROOM_DOWN_DAYS = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Sitting:
    """One film or episode on one evening."""

    content: Content
    days_ago: int
    #: How much of it was watched; None is all.
    share: float | None
    #: Where it was watched; "" lets the dice decide.
    on: str
    #: A film that was seen before.
    again: bool

    @property
    def seconds(self) -> int:
        return self.content.runtime_seconds or 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewing:
    """A sitting with its hours, and how it reached us: a source's name, `web` or `player`."""

    sitting: Sitting
    via: str
    began_at: datetime
    ended_at: datetime


def play_evenings(home: Household) -> None:
    """Apply everything that was watched up to this moment."""
    dice = Random("evenings")  # noqa: S311 - the same household every time
    tables = tomllib.loads(_EVENINGS.read_text(encoding="utf-8"))
    evenings = {name: _read_sittings(rows, home) for name, rows in tables.items()}
    _import_undated(home.alex, evenings["undated"])
    for act in _acts(_schedule(home, home.alex, evenings["imported"], dice)):
        _apply(home, home.alex, act, via="import")
    for user, sittings in ((home.alex, evenings["alex"]), (home.sam, evenings["sam"])):
        for act in _acts(_schedule(home, user, sittings, dice)):
            _apply(home, user, act, via=act[0].via)
    _give_up(home)
    _date_back(home.at)
    for title in JUST_MARKED:
        mark_watched(home.alex.id, home.library.films[title], at=home.at, origin="web")


def _read_sittings(rows: Sequence[dict[str, Any]], home: Household) -> list[Sitting]:
    """Return the sittings of these rows in their order.

    Of one evening, what was finished comes before what was left lying.
    """
    sittings = [sitting for row in rows for sitting in _sittings_of(row, home)]
    return sorted(
        sittings,
        key=lambda sitting: (
            -sitting.days_ago,
            sitting.share is not None,
            not isinstance(sitting.content, Episode),
        ),
    )


def _sittings_of(row: dict[str, Any], home: Household) -> Iterator[Sitting]:
    days_ago = row.get("days_ago", 0)
    every = row.get("every", 1)
    for step, content in enumerate(_contents_of(row, home)):
        yield Sitting(
            content=content,
            days_ago=days_ago - int(step * every),
            share=row.get("share"),
            on=row.get("on", ""),
            again=row.get("again", False),
        )


def _contents_of(row: dict[str, Any], home: Household) -> list[Content]:
    title = row["title"]
    if "first" not in row:
        return [home.library.films[title]]
    first = row["first"]
    last = row.get("last", first)
    episodes = home.library.episodes
    return [episodes[title, row["season"], number] for number in range(first, last + 1)]


def _import_undated(user: User, sittings: Sequence[Sitting]) -> None:
    with Act(user.id, "import") as act:
        for sitting in sittings:
            act.mark_watched(sitting.content, Mark(date_unknown=True))


def _schedule(
    home: Household, user: User, sittings: Sequence[Sitting], dice: Random
) -> Iterator[Viewing]:
    """Yield the sittings with their hours, one after the other from the early evening on."""
    latest = home.at - timedelta(minutes=10)
    for days_ago, group in groupby(sittings, key=lambda sitting: sitting.days_ago):
        evening = list(group)
        hour = 20.0
        if len(evening) >= 3:
            hour = max(13.0, 21.5 - 0.9 * len(evening))
        begin = timedelta(days=-days_ago, hours=hour, minutes=dice.randint(-35, 25))
        clock = home.last_evening + begin
        for sitting in evening:
            length = timedelta(seconds=sitting.seconds * (sitting.share or 0.97))
            ended_at = min(clock + length, latest)
            via = _via(user, sitting, dice)
            yield Viewing(sitting=sitting, via=via, began_at=clock, ended_at=ended_at)
            clock = ended_at + timedelta(minutes=dice.randint(2, 14))


def _via(user: User, sitting: Sitting, dice: Random) -> str:
    """Return where it was watched: on a server that holds it, or else here."""
    servers = _servers_with(user, sitting.content)
    if sitting.days_ago <= _BEDROOM_DOWN_DAYS:
        servers.discard(BEDROOM)
    via = sitting.on
    if not via:
        [via] = dice.choices(tuple(_PLACES), tuple(_PLACES.values()))
    if via in (LIVING_ROOM, BEDROOM) and via not in servers:
        via = "web"
        if LIVING_ROOM in servers:
            via = LIVING_ROOM
    if via == "player" and not sitting.share:
        via = "web"
    return via


def _servers_with(user: User, content: Content) -> set[str]:
    query = (
        select(Source.name)
        .join(SourceAccount, SourceAccount.source_id == Source.id)
        .join(SourceItem, SourceItem.source_id == Source.id)
        .where(SourceAccount.user_id == user.id, SourceItem.of(content))
    )
    return set(db.session.scalars(query))


def _acts(viewings: Iterator[Viewing]) -> Iterator[list[Viewing]]:
    """Group what was watched on one evening in one place: one act."""
    evenings = groupby(viewings, key=lambda viewing: (viewing.sitting.days_ago, viewing.via))
    for _, group in evenings:
        yield list(group)


def _apply(home: Household, user: User, viewings: Sequence[Viewing], *, via: str) -> None:
    origin = via
    source_id = None
    if via in home.sources:
        origin = "pull"
        source_id = home.sources[via].id
    with Act(user.id, origin, source_id=source_id) as act:
        for viewing in viewings:
            _apply_viewing(act, viewing)


def _apply_viewing(act: Act, viewing: Viewing) -> None:
    sitting = viewing.sitting
    if sitting.share:
        _save_position(act, sitting, sitting.share, viewing.ended_at)
        return
    if sitting.again:
        # What was seen before is only watched again once it has a position.
        _save_position(act, sitting, 0.4, viewing.began_at)
    act.mark_watched(sitting.content, Mark(at=viewing.ended_at))


def _save_position(act: Act, sitting: Sitting, share: float, at: datetime) -> None:
    act.save_progress(
        sitting.content,
        position_seconds=int(sitting.seconds * share),
        duration_seconds=sitting.seconds,
        at=at,
    )


def _give_up(home: Household) -> None:
    """Dismiss a film and drop a show that were not worth it."""
    dismiss(home.alex.id, home.library.films["Orpheus, Minor"])
    tin_birds = (
        ShowProgress.user_id == home.alex.id,
        ShowProgress.media_item_id == home.library.shows["Tin Birds"].id,
    )
    dropped_at = home.at - timedelta(days=58)
    db.session.execute(update(ShowProgress).where(*tin_birds).values(dropped_at=dropped_at))


def _date_back(at: datetime) -> None:
    """Date every act to the end of its last play, not to the making of this sample."""
    long_ago = at - timedelta(days=75)
    ended_at = (
        select(func.max(Play.watched_at))
        .where(Play.change_set_id == ChangeSet.id)
        .scalar_subquery()
    )
    watched_at = PlaybackProgress.last_watched_at
    db.session.execute(
        update(PlaybackProgress).values(inserted_at=watched_at, updated_at=watched_at)
    )
    db.session.execute(update(Play).values(inserted_at=func.coalesce(Play.watched_at, long_ago)))
    db.session.execute(update(ChangeSet).values(created_at=func.coalesce(ended_at, long_ago)))
