"""A server that shows much as unwatched all at once has rather lost its marks: nobody is told
before a person has.
"""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.playback.models import PlaybackProgress
from mydia_web.sources.models import Pull
from mydia_web.sync.inbound.removals import are_too_many
from tests.sync.household import Household, Server

FILMS, WATCHED = 12, 8


def watched_films(alice) -> int:
    query = select(func.count()).where(
        PlaybackProgress.user_id == alice.id, PlaybackProgress.watched
    )
    return db.session.scalar(query)


def last_pull_of(server: Server) -> Pull:
    return db.session.scalars(
        select(Pull).where(Pull.source_id == server.source_id).order_by(Pull.id.desc())
    ).first()


@pytest.mark.parametrize(
    ("number", "read", "watched_there", "just_taken", "waits"),
    [
        # In a small library, by share.
        (8, 60, 16, 0, True),
        (4, 60, 16, 0, True),
        (3, 60, 12, 0, True),
        (3, 60, 13, 0, False),
        (2, 60, 2, 0, False),
        (1, 60, 1, 0, False),
        # Bit by bit.
        (2, 60, 12, 2, True),
        (1, 60, 10, 2, True),
        (1, 60, 100, 5, False),
        # In a large one, by number.
        (20, 60, 1000, 0, False),
        (21, 60, 1000, 0, True),
        (100, 1000, 1000, 0, False),
        (101, 1000, 1000, 0, True),
    ],
)
def test_how_many_are_too_many(number, read, watched_there, just_taken, waits):
    assert (
        are_too_many(number, read=read, watched_there=watched_there, just_taken=just_taken) == waits
    )


@pytest.fixture(params=["jellyfin", "emby", "plex", "kodi"])
def two(request: pytest.FixtureRequest, household: Household) -> tuple[Server, list, Server, list]:
    """Two servers with the same films, of which some are watched everywhere."""
    other = "kodi" if request.param != "kodi" else "emby"
    servers = household.add(request.param, "First"), household.add(other, "Second")
    first, second = (
        [
            server.bench.add_movie(f"Film {number}", imdb=f"tt{number + 1:07}")[0]
            for number in range(FILMS)
        ]
        for server in servers
    )
    for film in first[:WATCHED]:
        servers[0].bench.person_watches(film, now() - timedelta(days=30))
    household.settle()
    household.later(hours=3)
    return servers[0], first, servers[1], second


def test_what_a_small_server_lost_waits_and_nobody_is_told(household, alice, two):
    first, films, second, copies = two
    for film in films[:4]:
        first.bench.person_unwatches(film)
    assert first.pull().held_back == 4
    household.settle()
    assert watched_films(alice) == WATCHED
    assert all(second.bench.held(copy).watched for copy in copies[:WATCHED])
    assert last_pull_of(first).held_back == 4


def test_let_through_it_is_told_to_all(household, alice, two):
    first, films, second, copies = two
    for film in films[:4]:
        first.bench.person_unwatches(film)
    first.pull()
    assert first.pull(takes_removals=True).unwatched == 4
    household.settle()
    assert watched_films(alice) == WATCHED - 4
    assert sum(second.bench.held(copy).watched for copy in copies) == WATCHED - 4


def test_kept_the_server_is_told_again(household, alice, two):
    first, films, _, _ = two
    for film in films[:4]:
        first.bench.person_unwatches(film)
    first.pull()
    report = first.pull(keeps_ours=True)
    assert (report.owed, report.held_back, report.unwatched) == (4, 0, 0)
    household.settle()
    household.settle()
    assert watched_films(alice) == WATCHED
    assert sum(first.bench.held(film).watched for film in films) == WATCHED
    assert last_pull_of(first).held_back == 0


def test_what_is_lost_bit_by_bit_waits_as_well(household, alice, two):
    first, films, _, _ = two
    for film in films[:2]:
        first.bench.person_unwatches(film)
    assert first.pull().unwatched == 2
    for film in films[2:4]:
        first.bench.person_unwatches(film)
    assert first.pull().held_back == 2
    assert watched_films(alice) == WATCHED - 2


def test_what_is_marked_again_there_waits_no_more(household, alice, two):
    """The next good answer: it was the server's own fault."""
    first, films, _, _ = two
    for film in films[:4]:
        first.bench.person_unwatches(film)
    first.pull()
    for film in films[:4]:
        first.bench.person_watches(film, now() - timedelta(days=30))
    report = first.pull()
    assert (report.held_back, report.unwatched) == (0, 0)
    household.settle()
    assert watched_films(alice) == WATCHED
