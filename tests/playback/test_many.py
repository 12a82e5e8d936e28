"""Marking a season or a show."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from mydia_web.db import db
from mydia_web.library.content import list_episodes
from mydia_web.playback import get_next_episode, get_progress, mark_watched
from mydia_web.playback.acts import Act
from mydia_web.playback.models import ChangeSet, Play


@pytest.fixture
def mark(alice, show):
    """Mark alice's show or a season of it watched; how many episodes that changed."""

    def mark_now(season=None):
        with Act(alice.id, "web") as act:
            return act.mark_show_watched(show, season=season)

    return mark_now


@pytest.fixture
def unmark(alice, show):
    def unmark_now(season=None):
        with Act(alice.id, "web") as act:
            return act.mark_show_unwatched(show, season=season)

    return unmark_now


@pytest.fixture
def watched(alice, show):
    """The (season, number) of what is watched."""

    def watched_now():
        episodes = list_episodes(show.id)
        return [
            (one.season_number, one.episode_number)
            for one in episodes
            if (progress := get_progress(alice.id, one)) and progress.watched
        ]

    return watched_now


def count(table: type) -> int:
    return db.session.scalar(select(func.count()).select_from(table))


def test_a_show_is_marked_without_its_specials(mark, watched):
    assert mark() == 6
    assert watched() == [(season, number) for season in (1, 2) for number in (1, 2, 3)]


@pytest.mark.parametrize(
    ("season", "episodes"), [(0, [(0, 1)]), (2, [(2, 1), (2, 2), (2, 3)]), (9, [])]
)
def test_a_season_is_marked_alone_and_specials_when_asked_for(mark, watched, season, episodes):
    assert mark(season) == len(episodes)
    assert watched() == episodes


def test_what_has_yet_to_air_is_left_out(mark, watched, cast, set_clock):
    cast.episode(2, 3).air_date = set_clock.time.date() + timedelta(days=1)
    assert mark(2) == 2
    set_clock.pass_(days=1)
    assert mark(2) == 1
    assert watched() == [(2, 1), (2, 2), (2, 3)]


def test_an_episode_of_unknown_air_date_is_marked(mark, cast):
    cast.episode(1, 1).air_date = None
    assert mark(1) == 3


def test_it_is_one_change_set_of_what_was_not_watched_yet(mark, alice, cast):
    mark_watched(alice.id, cast.episode(1, 2))
    assert mark(1) == 2
    assert count(ChangeSet) == 2
    assert count(Play) == 3


def test_the_second_time_changes_nothing(mark, unmark, server, queue):
    mark()
    before = [(row.id, row.intent_seq) for row in queue()]
    assert mark() == 0
    assert unmark(0) == 0
    assert [(row.id, row.intent_seq) for row in queue()] == before
    assert count(Play) == 6


def test_what_is_not_known_is_said_to_be_unwatched_once(unmark, queue):
    assert unmark(0) == 0
    assert unmark(0) == 0
    assert queue() == []
    [said] = db.session.scalars(select(ChangeSet)).all()
    assert said.undone_at is None


def test_every_episode_is_told_to_its_server(mark, server, queue):
    mark(1)
    assert [row.change_type for row in queue()] == ["mark_watched"] * 3
    assert len({row.change_set_id for row in queue()}) == 1


def test_unmarking_takes_the_specials_too_and_keeps_the_plays(mark, unmark, watched):
    mark()
    mark(0)
    assert unmark() == 7
    assert watched() == []
    assert count(Play) == 7


def test_unmarking_a_season_leaves_the_others(mark, unmark, watched, alice, cast, show, set_clock):
    mark()
    set_clock.pass_(hours=1)
    assert unmark(2) == 3
    assert watched() == [(1, 1), (1, 2), (1, 3)]
    assert get_next_episode(alice.id, show).episode == cast.episode(2, 1)


def test_nothing_of_bobs_is_touched(mark, unmark, bob, pilot):
    mark_watched(bob.id, pilot)
    mark()
    unmark()
    assert get_progress(bob.id, pilot).watched
