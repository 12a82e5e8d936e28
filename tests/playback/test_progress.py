"""Saving positions and marking watched."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.errors import InvalidValue
from mydia_web.playback import get_progress
from mydia_web.playback.acts import Act, Mark
from mydia_web.playback.models import Play, PlaybackProgress
from mydia_web.playback.progress import (
    delete_progress,
    list_user_progress,
    mark_unwatched,
    mark_watched,
    save_progress,
)
from mydia_web.playback.records import DEFAULT_MOVIE_SECONDS
from mydia_web.queue.models import QueuedChange
from tests.cast import add_copy, add_film, add_server


def count(table: type) -> int:
    return db.session.scalar(select(func.count()).select_from(table)) or 0


def test_a_position_is_kept_with_its_percentage(alice, film):
    progress = save_progress(alice.id, film, position_seconds=225, duration_seconds=900)
    assert (progress.position_seconds, progress.duration_seconds) == (225, 900)
    assert progress.completion_percentage == 25
    assert not progress.watched
    assert get_progress(alice.id, film) is progress


def test_there_is_one_record_for_a_user_and_a_film(alice, bob, film):
    for position in (10, 20, 30):
        save_progress(alice.id, film, position_seconds=position, duration_seconds=900)
    save_progress(bob.id, film, position_seconds=40, duration_seconds=900)
    assert count(PlaybackProgress) == 2
    assert get_progress(alice.id, film).position_seconds == 30


@pytest.mark.parametrize(("position", "watched"), [(809, False), (810, True), (900, True)])
def test_ninety_percent_is_watched(alice, film, position, watched):
    assert (
        save_progress(alice.id, film, position_seconds=position, duration_seconds=900).watched
        is watched
    )
    assert count(Play) == int(watched)


def test_films_and_episodes_may_have_ends_of_their_own(alice, film, pilot, app, monkeypatch):
    settings = replace(app.config["SETTINGS"], watched_at=0.8, watched_at_episodes=0.7)
    monkeypatch.setitem(app.config, "SETTINGS", settings)
    for content, share in ((film, 0.8), (pilot, 0.7)):
        before = save_progress(
            alice.id, content, position_seconds=1000 * share - 1, duration_seconds=1000
        )
        assert (before.watched, before.in_progress) == (False, True)
        end = save_progress(alice.id, content, position_seconds=1000 * share, duration_seconds=1000)
        assert (end.watched, end.in_progress) == (True, False)


def test_a_smaller_position_later_does_not_take_the_mark_away(alice, film):
    mark_watched(alice.id, film)
    progress = save_progress(alice.id, film, position_seconds=300, duration_seconds=900)
    assert progress.watched
    assert progress.in_progress


def test_watching_again_to_the_end_is_a_second_play(alice, film):
    mark_watched(alice.id, film)
    save_progress(alice.id, film, position_seconds=300, duration_seconds=900)
    save_progress(alice.id, film, position_seconds=880, duration_seconds=900)
    assert count(Play) == 2


def test_a_mark_whose_play_stands_in_history_adds_none(alice, film):
    with Act(alice.id, "pull") as act:
        progress = act.mark_watched(film, Mark(is_known=True))
    assert progress.watched
    assert count(Play) == 0


def test_credits_after_the_end_are_no_second_play(alice, film):
    save_progress(alice.id, film, position_seconds=820, duration_seconds=900)
    save_progress(alice.id, film, position_seconds=890, duration_seconds=900)
    assert count(Play) == 1


def test_marking_needs_no_earlier_progress(alice, film):
    progress = mark_watched(alice.id, film)
    assert progress.watched
    assert progress.duration_seconds == film.runtime_seconds


def test_a_film_of_unknown_length_can_be_marked(alice):
    progress = mark_watched(alice.id, add_film("Untimed"))
    assert (progress.watched, progress.duration_seconds) == (True, DEFAULT_MOVIE_SECONDS)


def test_marking_unwatched_takes_the_record_and_keeps_the_plays(alice, film):
    mark_watched(alice.id, film)
    assert mark_unwatched(alice.id, film)
    assert get_progress(alice.id, film) is None
    assert count(Play) == 1
    assert not delete_progress(alice.id, film)


def test_doing_it_twice_changes_nothing_and_tells_nobody(alice, film):
    server = add_server("Kodi", alice)
    add_copy(server, film)
    mark_watched(alice.id, film)
    [row] = db.session.scalars(select(QueuedChange)).all()
    mark_watched(alice.id, film)
    db.session.refresh(row)
    assert row.intent_seq == 1
    assert count(Play) == 1


def test_a_position_older_than_what_is_known_changes_nothing(alice, film):
    save_progress(alice.id, film, position_seconds=300, duration_seconds=900)
    late = save_progress(
        alice.id, film, position_seconds=100, duration_seconds=900, at=now() - timedelta(hours=1)
    )
    assert late.position_seconds == 300


def test_a_position_of_now_counts_although_the_clock_was_set_back(alice, film, set_clock):
    save_progress(alice.id, film, position_seconds=300, duration_seconds=900)
    before = set_clock.now()
    set_clock.pass_(hours=-1)
    progress = save_progress(alice.id, film, position_seconds=400, duration_seconds=900)
    assert (progress.position_seconds, progress.last_watched_at) == (400, before)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("position_seconds", {"position_seconds": -1, "duration_seconds": 900}),
        ("position_seconds", {"position_seconds": float("nan"), "duration_seconds": 900}),
        ("position_seconds", {"position_seconds": "12", "duration_seconds": 900}),
        ("duration_seconds", {"position_seconds": 1, "duration_seconds": 0}),
        ("duration_seconds", {"position_seconds": 1, "duration_seconds": -5}),
        ("duration_seconds", {"position_seconds": 1, "duration_seconds": 10**9}),
        ("at", {"position_seconds": 1, "duration_seconds": 2, "at": datetime(2026, 1, 1)}),  # noqa: DTZ001
        (
            "at",
            {"position_seconds": 1, "duration_seconds": 2, "at": datetime(2126, 1, 1, tzinfo=UTC)},
        ),
        ("origin", {"position_seconds": 1, "duration_seconds": 2, "origin": "elsewhere"}),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name_and_nothing_is_stored(
    alice, film, field, values
):
    with pytest.raises(InvalidValue) as refusal:
        save_progress(alice.id, film, **values)
    assert refusal.value.field == field
    assert count(PlaybackProgress) == 0


def test_progress_is_listed_by_its_last_watching(alice, film, pilot):
    save_progress(
        alice.id, film, position_seconds=100, duration_seconds=900, at=now() - timedelta(days=1)
    )
    mark_watched(alice.id, pilot)
    assert [one.episode_id for one in list_user_progress(alice.id)] == [pilot.id, None]
    assert [one.media_item_id for one in list_user_progress(alice.id, watched=False)] == [film.id]
    assert len(list_user_progress(alice.id, limit=1)) == 1
