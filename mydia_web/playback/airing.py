"""Which episodes are out: those that have aired, by the person's own day, and those that a server
holds.

Catalogues date an episode by another zone, or wrongly. What lies on a server can be watched
whatever they say.
"""

from collections.abc import Iterable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, ScalarSelect, exists, or_, select

from mydia_web.accounts.models import User
from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.library.models import Episode
from mydia_web.sources.models import Source, SourceItem, SourceItemEpisode
from mydia_web.sources.registry import kinds_that_accept_unlisted


def today_of(user_id: int) -> date:
    """Return the day it is where the person lives."""
    user = db.session.get(User, user_id)
    return today_in(user.time_zone if user else "UTC")


def zone_of(user_id: int) -> ScalarSelect[str]:
    """Select the person's time zone beside other things."""
    return select(User.time_zone).where(User.id == user_id).scalar_subquery()


def today_in(time_zone: str) -> date:
    return now().astimezone(ZoneInfo(time_zone)).date()


def is_out(today: date) -> ColumnElement[bool]:
    """Is the episode of a row out on that day?"""
    return or_(Episode.air_date.is_(None), Episode.air_date <= today, is_held())


def is_held() -> ColumnElement[bool]:
    """Does a server or a folder hold the episode of a row? An account service lists what exists,
    not what it has.
    """
    services = select(Source.id).where(Source.kind.in_(sorted(kinds_that_accept_unlisted())))
    own = exists().where(SourceItem.episode_id == Episode.id, SourceItem.source_id.not_in(services))
    further = exists().where(SourceItemEpisode.episode_id == Episode.id)
    return or_(own, further)


def ids_of_episodes_out(show_id: int, today: date) -> set[int]:
    query = select(Episode.id).where(Episode.media_item_id == show_id, is_out(today))
    return set(db.session.scalars(query))


def days_begun(since: datetime, until: datetime) -> tuple[date, date] | None:
    """Return the last day before and the newest one, where a day has begun in between for anybody
    here.
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
