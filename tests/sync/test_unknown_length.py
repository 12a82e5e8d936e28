"""A position in a title of which nobody knows the length finishes nothing, whichever way it comes
in.
"""

from typing import Any

import pytest
from sqlalchemy import select

from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.library.models import MediaItem
from mydia_web.playback import get_progress
from mydia_web.playback.models import Play
from mydia_web.playback.records import DEFAULT_MOVIE_SECONDS, length_for
from tests.sync.household import Household

NAMES = {"title": "Silver Lantern", "year": 2010}
IMDB = "tt0000400"
#: In seconds: a false start, the middle, and beyond the length that is taken for it.
POSITIONS = (5, 600, 3 * 60 * 60)


def jellyfin_stop(seconds: int) -> dict[str, Any]:
    return {
        "NotificationType": "PlaybackStop",
        "NotificationUsername": "alice",
        "ItemType": "Movie",
        "ItemId": "0a1b2c3d4e5f60718293a4b5c6d7e8f9",
        "Name": NAMES["title"],
        "Year": NAMES["year"],
        "Provider_imdb": IMDB,
        "PlaybackPositionTicks": seconds * 10_000_000,
        "PlayedToCompletion": False,
    }


def emby_stop(seconds: int) -> dict[str, Any]:
    item = {"Type": "Movie", "Name": NAMES["title"], "ProductionYear": NAMES["year"], "Id": "77"}
    return {
        "Event": "playback.stop",
        "User": {"Name": "alice"},
        "Item": {**item, "ProviderIds": {"Imdb": IMDB}},
        "PlaybackInfo": {"PositionTicks": seconds * 10_000_000, "PlayedToCompletion": False},
    }


def plex_stop(seconds: int) -> dict[str, Any]:
    return {
        "event": "media.stop",
        "Account": {"title": "alice"},
        "Metadata": {"type": "movie", "ratingKey": "7", **NAMES, "viewOffset": seconds * 1000},
    }


def tautulli_stop(seconds: int) -> dict[str, Any]:
    metadata = {
        "type": "movie",
        "ratingKey": "7",
        "fullTitle": NAMES["title"],
        "year": str(NAMES["year"]),
    }
    return {
        "event": "tautulli.stop",
        "Account": {"title": "alice"},
        "Metadata": {**metadata, "duration": "", "viewOffset": str(seconds * 1000)},
    }


def generic(event: str, seconds: int) -> dict[str, Any]:
    told = {"event": event, "user": "alice", "type": "movie", **NAMES, "ids": {"imdb": IMDB}}
    return {**told, "position_seconds": seconds}


WAYS = {
    "jellyfin": ("jellyfin", jellyfin_stop),
    "emby": ("emby", emby_stop),
    "plex": ("plex", plex_stop),
    "tautulli": ("plex", tautulli_stop),
    "generic": ("kodi", lambda seconds: generic("paused", seconds)),
}


def told_of(alice) -> list[Any]:
    """What we hold of the film: whether it is watched, and its position."""
    found = db.session.scalars(select(MediaItem).where(MediaItem.title == NAMES["title"])).all()
    progress = [get_progress(alice.id, film) for film in found]
    return [(one.watched, one.position_seconds, one.in_progress) for one in progress if one]


@pytest.mark.parametrize("seconds", POSITIONS)
@pytest.mark.parametrize("way", WAYS)
def test_an_event_without_a_length_finishes_nothing(
    household: Household, alice, way: str, seconds: int
):
    kind, payload = WAYS[way]
    server = household.add(kind)
    server.pull()
    server.sends(payload(seconds), kind="tautulli" if way == "tautulli" else way)
    if way == "generic":
        server.sends(generic("stopped", seconds), kind="generic")
    assert all(not watched for watched, _, _ in told_of(alice))
    assert db.session.scalars(select(Play)).all() == []
    if seconds >= 60:
        assert told_of(alice) == [(False, seconds, True)]


@pytest.mark.parametrize("seconds", POSITIONS[1:])
@pytest.mark.parametrize("kind", ["jellyfin", "emby", "kodi"])
def test_a_listing_without_a_length_finishes_nothing(
    household: Household, alice, kind: str, seconds: int
):
    """And another server, which knows the length, is told the position alone."""
    server, other = (
        household.add(kind, "One"),
        household.add("emby" if kind != "emby" else "kodi", "Other"),
    )
    [target] = server.bench.add_movie(NAMES["title"], year=NAMES["year"], minutes=0, imdb=IMDB)
    [there] = other.bench.add_movie(NAMES["title"], year=NAMES["year"], minutes=240, imdb=IMDB)
    server.bench.person_stops_at(target, seconds * 1000, now())
    server.pull()
    assert told_of(alice) == [(False, seconds, True)]
    household.settle()
    assert told_of(alice) == [(False, seconds, True)]
    assert not other.bench.held(there).watched


@pytest.mark.parametrize(
    ("known", "told", "position", "length"),
    [
        (None, None, 0, DEFAULT_MOVIE_SECONDS),
        (None, None, 600, DEFAULT_MOVIE_SECONDS),
        (6000, None, 600, 6000),
        (6000, 5400, 600, 5400),
        # Lengths are rounded; the end is the end.
        (6000, None, 6000, 6001),
        (6000, None, 6300, 6301),
    ],
)
def test_by_which_length_a_position_is_measured(film, known, told, position, length):
    film.runtime_seconds = known
    assert length_for(film, position, told) == length


@pytest.mark.parametrize("known", [None, 1200])
@pytest.mark.parametrize("position", [6481, 7200, 20_000])
def test_a_position_far_behind_the_end_is_not_the_end(film, known, position):
    """The length is not that of this file."""
    film.runtime_seconds = known
    assert position / length_for(film, position) < 0.9
