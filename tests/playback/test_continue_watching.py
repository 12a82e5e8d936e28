"""Continue Watching and Up Next."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from mydia_web.db import db
from mydia_web.errors import NotFound
from mydia_web.playback import (
    continue_watching,
    get_progress,
    mark_unwatched,
    mark_watched,
    save_progress,
    up_next,
)
from mydia_web.playback.continue_watching import dismiss, film_card, next_card
from mydia_web.playback.models import ShowProgress
from tests.cast import add_film, add_show, episode_of


@pytest.fixture(autouse=True)
def _stopped_clock(set_clock):
    """A moment is when the test says it is."""


@pytest.fixture
def watch(alice, set_clock) -> Callable:
    """alice watches a third of it, an hour after whatever was last."""

    def watch_now(content, position: int = 300) -> None:
        set_clock.pass_(hours=1)
        save_progress(alice.id, content, position_seconds=position, duration_seconds=900)

    return watch_now


@pytest.fixture
def finish(alice, set_clock) -> Callable:
    def finish_now(content) -> None:
        set_clock.pass_(hours=1)
        mark_watched(alice.id, content)

    return finish_now


@pytest.fixture
def row(alice) -> Callable:
    """The (title, season, number, why) of Continue Watching."""
    return lambda **asked: [in_short(card) for card in continue_watching(alice.id, **asked)]


@pytest.fixture
def following(alice) -> Callable:
    """The same of Up Next."""
    return lambda **asked: [in_short(card) for card in up_next(alice.id, **asked)]


def in_short(card) -> tuple:
    if card.kind == "movie":
        return (card.title, card.why)
    return (card.title, card.season_number, card.episode_number, card.why)


def test_what_was_watched_last_stands_first(watch, row, film, pilot):
    watch(film)
    watch(pilot)
    watch(other := add_film("Cosmos Laundromat"))
    assert row() == [
        (other.title, "resume"),
        ("Harbour Lights", 1, 1, "resume"),
        ("Sintel", "resume"),
    ]


def test_a_card_tells_how_far_it_is_and_where_it_is(watch, alice, film, server):
    watch(film)
    [card] = continue_watching(alice.id)
    assert (card.position_seconds, card.duration_seconds, card.seconds_left) == (300, 900, 600)
    assert card.on == ("Living room",)


def test_a_show_has_one_card_that_of_the_episode_watched_last(watch, row, cast):
    watch(cast.episode(1, 1))
    watch(cast.episode(2, 1))
    assert row() == [("Harbour Lights", 2, 1, "resume")]


@pytest.mark.parametrize(
    ("position", "shown"), [(44, False), (45, True), (809, True), (810, False)]
)
def test_neither_a_false_start_nor_the_end_is_to_be_continued(watch, row, film, position, shown):
    watch(film, position)
    assert bool(row()) is shown


def test_what_is_finished_is_gone_and_the_next_episode_is_up(
    watch, finish, row, following, film, pilot
):
    watch(film)
    finish(film)
    watch(pilot)
    finish(pilot)
    assert row() == []
    assert following() == [("Harbour Lights", 1, 2, "next")]


def test_a_show_stands_in_one_of_the_two_rows(watch, finish, row, following, cast):
    finish(cast.episode(1, 1))
    watch(cast.episode(1, 2))
    assert row() == [("Harbour Lights", 1, 2, "resume")]
    assert following() == []


def test_a_rewatch_is_shown_as_one(watch, finish, row, film, pilot):
    finish(film)
    finish(pilot)
    watch(film)
    watch(pilot)
    assert row() == [("Harbour Lights", 1, 1, "rewatch"), ("Sintel", "rewatch")]


def test_what_is_unmarked_is_gone(watch, row, alice, film, pilot):
    watch(film)
    watch(pilot)
    mark_unwatched(alice.id, film)
    mark_unwatched(alice.id, pilot)
    assert row() == []


def test_what_is_next_waits_for_its_air_date(finish, following, cast, set_clock):
    cast.episode(2, 3).air_date = set_clock.time.date() + timedelta(days=3)
    finish(cast.episode(2, 2))
    for number in (1, 2, 3):
        finish(cast.episode(1, number))
    finish(cast.episode(2, 1))
    assert following() == []
    set_clock.pass_(days=3)
    assert following() == [("Harbour Lights", 2, 3, "next")]


def test_a_dismissed_film_comes_back_when_it_is_watched_on(watch, row, alice, film):
    watch(film)
    dismiss(alice.id, film)
    assert row() == []
    watch(film)
    assert row() == []
    watch(film, 400)
    assert row() == [("Sintel", "resume")]


def test_a_dismissed_show_comes_back_when_it_is_watched_on(watch, row, alice, pilot):
    watch(pilot)
    dismiss(alice.id, pilot)
    assert row() == []
    watch(pilot, 400)
    assert row() == [("Harbour Lights", 1, 1, "resume")]


def test_a_dismissed_show_comes_back_after_all_of_it_was_unmarked(
    watch, finish, following, alice, pilot
):
    watch(pilot)
    dismiss(alice.id, pilot)
    mark_unwatched(alice.id, pilot)
    finish(pilot)
    assert following() == [("Harbour Lights", 1, 2, "next")]


def test_news_of_an_older_watching_do_not_bring_a_dismissed_show_back(
    watch, row, following, alice, cast, pilot, set_clock
):
    watch(pilot)
    set_clock.pass_(hours=2)
    dismiss(alice.id, pilot)
    mark_watched(alice.id, cast.episode(1, 2), at=set_clock.time - timedelta(hours=1))
    assert row() == []
    assert following() == []


def test_up_next_can_be_dismissed(finish, following, alice, cast, pilot):
    finish(pilot)
    dismiss(alice.id, cast.episode(1, 2))
    assert following() == []
    finish(cast.episode(1, 2))
    assert following() == [("Harbour Lights", 1, 3, "next")]


def test_dismissing_twice_changes_nothing(watch, alice, film, pilot, set_clock):
    for content in (film, pilot):
        watch(content)
        dismiss(alice.id, content)
    first = set_clock.time
    set_clock.pass_(hours=1)
    dismiss(alice.id, film)
    dismiss(alice.id, pilot)
    assert get_progress(alice.id, film).dismissed_at < first + timedelta(hours=1)
    assert db.session.scalar(select(ShowProgress.dismissed_at)) == first


def test_dismissing_what_was_never_begun_is_refused(alice, film):
    with pytest.raises(NotFound):
        dismiss(alice.id, film)


def test_dismissing_is_alices_own(watch, alice, bob, film, pilot):
    for content in (film, pilot):
        watch(content)
        save_progress(bob.id, content, position_seconds=300, duration_seconds=900)
        dismiss(alice.id, content)
    assert continue_watching(alice.id) == []
    assert len(continue_watching(bob.id)) == 2


@pytest.mark.parametrize(
    ("setting", "shown"),
    [
        ({}, True),
        ({"dropped_at": timedelta()}, False),
        ({"snoozed_until": timedelta(hours=1)}, False),
        ({"snoozed_until": timedelta(hours=-1)}, True),
    ],
)
def test_a_dropped_or_snoozed_show_is_in_no_row(
    watch, finish, row, following, cast, set_clock, setting, shown
):
    values = {name: set_clock.time + timedelta(hours=1) + span for name, span in setting.items()}
    watch(cast.episode(1, 1))
    db.session.execute(update(ShowProgress).values(values or {"dropped_at": None}))
    assert bool(row()) is shown
    finish(cast.episode(1, 1))
    set_clock.pass_(hours=-1)
    assert bool(following()) is shown


def test_a_page_goes_on_behind_the_last_card(watch, row, alice, film):
    others = [film, *(add_film(f"Film {number}") for number in range(2))]
    shows = [add_show(f"Show {number}") for number in range(2)]
    for content in [*others, *(episode_of(show, 1, 1) for show in shows)]:
        watch(content)
    seen, before = [], None
    while cards := continue_watching(alice.id, limit=2, before=before):
        assert len(cards) <= 2
        seen += [card.title for card in cards]
        before = cards[-1].cursor
    assert seen == ["Show 1", "Show 0", "Film 1", "Film 0", "Sintel"]


def test_cards_of_one_time_are_neither_lost_nor_repeated_at_the_end_of_a_page(
    watch, alice, set_clock
):
    """An import without dates gives many titles the same one."""
    at = set_clock.now()
    contents = [add_film(f"Film {number}") for number in range(3)]
    contents += [episode_of(add_show(f"Show {number}"), 1, 1) for number in range(3)]
    for content in contents:
        save_progress(alice.id, content, position_seconds=300, duration_seconds=900, at=at)
    seen, before = [], None
    while cards := continue_watching(alice.id, limit=2, before=before):
        seen += [card.title for card in cards]
        before = cards[-1].cursor
    assert seen == ["Film 2", "Film 1", "Film 0", "Show 2", "Show 1", "Show 0"]


def test_up_next_goes_on_behind_the_last_card(finish, following, alice):
    for number in range(3):
        finish(episode_of(add_show(f"Show {number}"), 1, 1))
    first = up_next(alice.id, limit=2)
    second = up_next(alice.id, limit=2, before=first[-1].cursor)
    assert [card.title for card in (*first, *second)] == ["Show 2", "Show 1", "Show 0"]


def test_the_card_of_one_title_is_found_in_whichever_row_it_stands(
    watch, finish, alice, film, show, pilot
):
    assert film_card(alice.id, film.id) is None
    assert next_card(alice.id, show.id) is None
    watch(film)
    watch(pilot)
    assert film_card(alice.id, film.id).why == "resume"
    assert next_card(alice.id, show.id).why == "resume"
    finish(pilot)
    assert next_card(alice.id, show.id).why == "next"
