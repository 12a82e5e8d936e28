"""Which plays are known: one server dates them by their beginning, another by their end."""

from datetime import UTC, datetime, timedelta

import pytest

from mydia_web.accounts.models import User
from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.playback.acts import Act
from mydia_web.playback.models import Play
from mydia_web.sources.models import Source
from mydia_web.sync.inbound.local_state import Ledger
from tests.cast import add_film, add_server, add_show, episode_of

NINE = datetime(2026, 3, 1, 21, tzinfo=UTC)


def minutes(number: int) -> timedelta:
    return timedelta(minutes=number)


@pytest.fixture
def servers(alice: User) -> dict[str, Source]:
    """Jellyfin dates by the beginning; the others do not."""
    return {kind: add_server(kind, alice, kind=kind) for kind in ("jellyfin", "plex", "kodi")}


@pytest.fixture
def ledgers(alice: User, servers: dict[str, Source]) -> dict[str, Ledger]:
    return {
        kind: Ledger(Act(alice.id, "pull", source_id=source.id), source)
        for kind, source in servers.items()
    }


@pytest.mark.parametrize(
    ("first", "second", "apart", "is_known"),
    [
        # It began at nine, and ended after a pause.
        ("jellyfin", "plex", 95, True),
        ("plex", "jellyfin", -95, True),
        ("jellyfin", "jellyfin", 95, True),
        ("jellyfin", "plex", 101, False),
        # Both date it by its end.
        ("plex", "kodi", 9, True),
        ("plex", "kodi", -9, True),
        ("plex", "kodi", 60, False),
        ("plex", "plex", 60, False),
    ],
)
def test_a_beginning_and_an_end_are_one_play(ledgers, first, second, apart, is_known):
    film = add_film("Sintel", minutes=90)
    assert ledgers[first].note(film, NINE)
    db.session.flush()
    assert ledgers[second].knows(film, NINE + minutes(apart)) == is_known
    assert ledgers[second].note(film, NINE + minutes(apart)) != is_known


@pytest.mark.parametrize(("later", "is_known"), [(minutes(125), True), (minutes(140), False)])
def test_a_play_told_by_a_clock_ahead_is_not_told_again_when_that_time_has_come(
    alice, servers, set_clock, later, is_known
):
    film, plex = add_film("Sintel", minutes=90), servers["plex"]
    plex.clock_skew_ms = minutes(120) // timedelta(milliseconds=1)
    ledger = Ledger(Act(alice.id, "pull", source_id=plex.id), plex)
    assert ledger.note(film, now())
    db.session.flush()
    assert ledger.knows(film, now() + later) == is_known


def test_of_unknown_length_an_episode_is_shorter_than_a_film(ledgers):
    film, episode = add_film("Sintel"), episode_of(add_show("The Long Orbit"), 1, 1)
    for content in (film, episode):
        ledgers["jellyfin"].note(content, NINE)
    db.session.flush()
    assert ledgers["plex"].knows(film, NINE + minutes(100))
    assert not ledgers["plex"].knows(episode, NINE + minutes(100))


def test_a_play_without_a_date_is_the_one_its_source_tells_of_afterwards(ledgers, servers, alice):
    film = add_film("Sintel", minutes=90)
    db.session.add(
        Play(user_id=alice.id, media_item_id=film.id, origin="pull", source_id=servers["plex"].id)
    )
    db.session.flush()
    assert ledgers["plex"].knows(film, NINE)
    assert not ledgers["kodi"].knows(film, NINE)
