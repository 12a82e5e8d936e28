"""What is out: by the person's own day, and whatever a server holds."""

from datetime import UTC, date, datetime, timedelta

import pytest

from mydia_web.accounts.models import User
from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.library.models import Episode, MediaItem
from mydia_web.playback import get_next_episode, mark_watched
from mydia_web.playback.acts import Act
from mydia_web.playback.airing import days_begun
from mydia_web.playback.continue_watching import up_next
from mydia_web.playback.shows import refresh_show, seen_of_shows
from mydia_web.sources.models import SourceItemEpisode
from tests.cast import add_copy, add_server, add_show, episode_of

#: Midnight has passed in Auckland, and not in UTC.
EVENING = datetime(2026, 3, 10, 13, 0, tzinfo=UTC)


@pytest.fixture
def pier(alice: User, set_clock) -> MediaItem:
    """A show of two episodes, the first watched; the second is dated for tomorrow, by UTC's day."""
    set_clock.time = EVENING
    show = add_show("Pier", episodes=2)
    mark_watched(alice.id, episode_of(show, 1, 1), at=EVENING - timedelta(hours=3))
    second(show).air_date = date(2026, 3, 11)
    refresh_show(show.id)
    db.session.flush()
    return show


def second(show: MediaItem) -> Episode:
    return episode_of(show, 1, 2)


def is_next(alice: User, show: MediaItem) -> bool:
    """All that asks agrees."""
    refresh_show(show.id)
    found = get_next_episode(alice.id, show)
    cards = up_next(alice.id)
    counts = seen_of_shows(alice.id, [show.id])[show.id].total
    assert (found.state, len(cards), counts) in (("next", 1, 2), ("all_watched", 0, 1))
    return found.state == "next"


def test_what_nobody_holds_waits_for_its_date(alice, pier):
    assert not is_next(alice, pier)


@pytest.mark.parametrize("kind", ["jellyfin", "folder"])
def test_what_a_server_holds_is_next_whatever_its_date(alice, pier, kind):
    add_copy(add_server("NAS", alice, kind=kind), second(pier))
    assert is_next(alice, pier)


def test_what_a_file_holds_beside_another_is_next(alice, pier):
    copy = add_copy(add_server("NAS", alice), episode_of(pier, 1, 1))
    link = SourceItemEpisode(source_item_id=copy.id, episode_id=second(pier).id, since=now())
    db.session.add(link)
    db.session.flush()
    assert is_next(alice, pier)


def test_what_only_a_service_knows_waits(alice, pier):
    add_copy(add_server("Trakt", alice, kind="trakt"), second(pier))
    assert not is_next(alice, pier)


@pytest.mark.parametrize(
    ("zone", "expected"), [("Pacific/Auckland", True), ("America/Lima", False), ("UTC", False)]
)
def test_today_is_the_persons_day(alice, pier, zone, expected):
    alice.time_zone = zone
    db.session.flush()
    assert is_next(alice, pier) is expected


@pytest.mark.parametrize("is_held", [True, False])
def test_a_show_is_marked_as_far_as_it_is_out(alice, pier, is_held):
    if is_held:
        add_copy(add_server("NAS", alice), second(pier))
    with Act(alice.id, "web") as act:
        assert act.mark_show_watched(pier) == int(is_held)


def test_a_day_begins_in_each_zone_by_itself(alice, bob):
    alice.time_zone, bob.time_zone = "Pacific/Auckland", "America/Lima"
    db.session.flush()
    midnight = datetime(2026, 3, 10, 11, 0, tzinfo=UTC)
    assert days_begun(midnight - timedelta(minutes=1), midnight) == (
        date(2026, 3, 10),
        date(2026, 3, 11),
    )
    assert days_begun(midnight, midnight + timedelta(hours=17)) is None
    assert days_begun(midnight, midnight + timedelta(hours=18)) == (
        date(2026, 3, 10),
        date(2026, 3, 11),
    )
