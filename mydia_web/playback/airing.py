"""Which episodes are out: those that aired, by the person's own day, and those on a server.

Catalogues date an episode by another time zone, or wrongly. What lies on a server can be watched
whatever its date.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, ScalarSelect, exists, or_, select

from mydia_web.accounts.models import User
from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.library.models import Episode
from mydia_web.sources.models import Source, SourceItem, SourceItemEpisode
from mydia_web.sources.registry import kinds_that_accept_unlisted


def is_out_on(day: date, air_date: date | None, *, is_held: bool) -> bool:
    """Return whether an episode is out on that day; `is_held` is whether a server has it."""
    return is_held or air_date is None or air_date <= day


def is_out(day: date) -> ColumnElement[bool]:
    """Return the same rule as a condition on rows of `Episode`."""
    return or_(Episode.air_date.is_(None), Episode.air_date <= day, is_held())


def is_held() -> ColumnElement[bool]:
    """Return the condition that a server or a folder has the episode of a row.

    An account service lists what exists, not what it has.
    """
    services = select(Source.id).where(Source.kind.in_(sorted(kinds_that_accept_unlisted())))
    as_item = exists().where(
        SourceItem.episode_id == Episode.id, SourceItem.source_id.not_in(services)
    )
    within_file = exists().where(SourceItemEpisode.episode_id == Episode.id)
    return or_(as_item, within_file)


def episodes_out(user_id: int, show_id: int, *, season: int | None = None) -> Sequence[Episode]:
    """Return the episodes that are out in their order: of one season, or all but the specials."""
    in_seasons = Episode.season_number > 0
    if season is not None:
        in_seasons = Episode.season_number == season
    # The person's day comes with the episodes, for the price of one query.
    query = select(Episode, is_held(), zone_of(user_id)).where(
        Episode.media_item_id == show_id, in_seasons
    )
    rows = db.session.execute(query.order_by(Episode.season_number, Episode.episode_number))
    return [
        episode
        for episode, held, zone in rows
        if is_out_on(today_in(zone), episode.air_date, is_held=held)
    ]


def ids_of_episodes_out(show_id: int, day: date) -> set[int]:
    query = select(Episode.id).where(Episode.media_item_id == show_id, is_out(day))
    return set(db.session.scalars(query))


def today_of(user_id: int) -> date:
    """Return the day it is where the person lives."""
    user = db.session.get(User, user_id)
    return today_in(user.time_zone if user else "UTC")


def zone_of(user_id: int) -> ScalarSelect[str]:
    """Return a subquery for the person's time zone."""
    return select(User.time_zone).where(User.id == user_id).scalar_subquery()


def today_in(time_zone: str) -> date:
    return now().astimezone(ZoneInfo(time_zone)).date()


def days_begun(since: datetime, until: datetime) -> tuple[date, date] | None:
    """Return the last day before, and the newest one, if a day began anywhere in between.

    "Anywhere" are the time zones of the people here.
    """
    zones = [ZoneInfo(name) for name in db.session.scalars(select(User.time_zone).distinct())]
    return _days_begun(zones, since, until)


def _days_begun(
    zones: Iterable[ZoneInfo], since: datetime, until: datetime
) -> tuple[date, date] | None:
    days = [(since.astimezone(zone).date(), until.astimezone(zone).date()) for zone in zones]
    begun = [(before, day) for before, day in days if before < day]
    if not begun:
        return None
    return min(before for before, _ in begun), max(day for _, day in begun)
