"""What to watch next in a show."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from mydia_web.db import db
from mydia_web.library.models import Episode
from mydia_web.playback import get_next_episode, mark_unwatched, mark_watched, save_progress
from mydia_web.playback.models import ShowProgress
from mydia_web.playback.shows import SeenEpisode, choose_next, refresh_show
from tests.cast import add_show

TODAY = date(2026, 11, 21)


def show_of(*seasons: str, first: int = 1) -> list[SeenEpisode]:
    """A show as a user has seen it. Its first season stands before the others where it begins with
    "specials".

    Each word is an episode: `.` never touched, `w3` watched at 3 o'clock, `p3` begun at 3, `t3`
    opened at 3 and left at once, `r3` watched and begun again at 3, `u` yet to air, `h` yet to air
    by its date and held by a server.
    """
    numbered = {}
    for season in seasons:
        words = season.split()
        number = 0 if words[0] == "specials" else 1 + sum(number > 0 for number in numbered)
        numbered[number] = [word for word in words if word != "specials"]
    return [
        seen(season, number, word)
        for season, words in numbered.items()
        for number, word in enumerate(words, first)
    ]


def seen(season: int, number: int, word: str) -> SeenEpisode:
    return SeenEpisode(
        episode_id=100 * season + number,
        season_number=season,
        episode_number=number,
        air_date=TODAY + timedelta(days=1) if word in "uh" else date(2020, 1, 1),
        watched=word[0] in "wr",
        in_progress=word[0] in "pr",
        last_watched_at=datetime(2026, 11, 1, int(word[1:]), tzinfo=UTC) if word[1:] else None,
        is_held=word == "h",
    )


@pytest.mark.parametrize(
    ("seasons", "expected"),
    [
        pytest.param([". . .", ". ."], "start 1x1", id="nothing watched: the first episode"),
        pytest.param(["w1 w2 .", ". ."], "next 1x3", id="in the middle: the one after it"),
        pytest.param(["w1 w2 w3", ". ."], "next 2x1", id="a season finished: the next season"),
        pytest.param(["w1 p2 .", ". ."], "continue 1x2", id="one begun is continued"),
        pytest.param(["w1 t2 .", ". ."], "next 1x2", id="one opened and left at once is next"),
        pytest.param(["t1 . ."], "next 1x1", id="only a false start: that one"),
        pytest.param(
            [". . .", "w1 ."], "next 2x2", id="the latest activity decides, not the lowest number"
        ),
        pytest.param(
            ["w9 . .", "w1 w2 ."], "next 1x2", id="the latest activity, even in an earlier season"
        ),
        pytest.param(["w1 . w2 ."], "next 1x4", id="a gap is not gone back to while there is more"),
        pytest.param(["w1 . w2"], "next 1x2", id="a gap is filled at the end"),
        pytest.param(["p1 w2 ."], "next 1x3", id="one begun and left for a later one stays behind"),
        pytest.param(
            ["p1 w2 w3"], "next 1x1", id="one begun and left is what is missing at the end"
        ),
        pytest.param(["w1 w2", "w3 w4"], "all_watched", id="all watched"),
        pytest.param(["r9 w2", ". ."], "continue 1x1", id="a rewatch under way is continued"),
        pytest.param(["w9 w2 .", ". ."], "next 1x3", id="a rewatch finished: the next unwatched"),
        pytest.param(["w9 w2"], "all_watched", id="a rewatch finished with all watched"),
        pytest.param(
            ["w1 w2 u"], "next 1x3", id="one yet to air is named, to be shown from its day on"
        ),
        pytest.param(["w1 . w2 u"], "next 1x2", id="a gap comes before one yet to air"),
        pytest.param(["u u"], "start 1x1", id="a show yet to begin"),
        pytest.param(["w1 w1 w1 ."], "next 1x4", id="marked together: the last of them counts"),
        pytest.param(["specials .", ". ."], "start 1x1", id="a show does not start with a special"),
        pytest.param(
            ["specials .", "w1 w2"], "all_watched", id="an unwatched special is not missing"
        ),
        pytest.param(
            ["specials w9", "w1 ."], "next 1x2", id="a special watched in between does not block"
        ),
        pytest.param(
            ["specials w9", ". ."], "start 1x1", id="only a special watched: the first episode"
        ),
        pytest.param(
            ["specials w9", "w1 p2"], "continue 1x2", id="a special does not end what was begun"
        ),
        pytest.param(
            ["specials t9", "r2 w1"], "continue 1x1", id="a glance at a special ends no rewatch"
        ),
        pytest.param(
            ["specials p9", "w1 ."], "continue 0x1", id="a special begun last is continued"
        ),
        pytest.param(["specials p1", "w9 ."], "next 1x2", id="a special begun and left is not"),
        pytest.param(["specials . ."], "start 0x1", id="nothing but specials: the first of them"),
        pytest.param(["specials w1 . ."], "next 0x2", id="nothing but specials: the next one"),
        pytest.param(["specials w1 p2 ."], "continue 0x2", id="nothing but specials: one begun"),
        pytest.param(["specials w1 w2"], "all_watched", id="nothing but specials, all watched"),
        pytest.param(["w1 h"], "next 1x2", id="one that a server holds, whatever its date"),
        pytest.param(
            ["w1 u h"], "next 1x3", id="one that a server holds comes before one yet to air"
        ),
    ],
)
def test_what_is_next(seasons, expected):
    assert in_words(show_of(*seasons)) == expected


@pytest.mark.parametrize(
    ("season", "expected"), [(". .", "start 1x0"), ("w1 .", "next 1x1"), ("w1 w2", "all_watched")]
)
def test_a_season_may_begin_with_episode_0(season, expected):
    assert in_words(show_of(season, first=0)) == expected


def test_the_order_of_the_rows_does_not_matter():
    episodes = show_of("w1 w2 .", ". .")
    assert in_words(episodes[::-1]) == in_words(episodes)


def in_words(episodes: list[SeenEpisode]) -> str:
    state, found = choose_next(episodes, TODAY)
    return f"{state} {found.season_number}x{found.episode_number}" if found else state


def kept(show) -> tuple[str, int | None]:
    """What the home page will read."""
    query = select(ShowProgress.state, ShowProgress.next_episode_id)
    return tuple(db.session.execute(query.where(ShowProgress.media_item_id == show.id)).one())


def test_unmarking_falls_back_to_what_was_watched_before(alice, cast, show, set_clock):
    for number in (1, 2, 3):
        mark_watched(alice.id, cast.episode(1, number))
        set_clock.pass_(hours=1)
    mark_unwatched(alice.id, cast.episode(1, 3))
    assert get_next_episode(alice.id, show).episode == cast.episode(1, 3)
    mark_unwatched(alice.id, cast.episode(1, 2))
    assert get_next_episode(alice.id, show).episode == cast.episode(1, 2)
    assert kept(show) == ("next", cast.episode(1, 2).id)


def test_a_show_never_touched_starts_at_its_first_episode(alice, show, pilot):
    found = get_next_episode(alice.id, show)
    assert (found.state, found.episode) == ("start", pilot)


def test_what_has_yet_to_air_is_not_next(alice, cast, show, set_clock):
    last = cast.episode(2, 3)
    last.air_date = set_clock.time.date() + timedelta(days=3)
    for number in (1, 2):
        mark_watched(alice.id, cast.episode(2, number))
    for number in (1, 2, 3):
        mark_watched(alice.id, cast.episode(1, number), at=set_clock.time - timedelta(days=9))
    assert get_next_episode(alice.id, show).state == "all_watched"
    set_clock.pass_(days=3)
    assert get_next_episode(alice.id, show).episode == last


def test_an_episode_begun_before_its_air_date_is_continued(alice, cast, show, set_clock):
    early = cast.episode(2, 3)
    early.air_date = set_clock.time.date() + timedelta(days=3)
    save_progress(alice.id, early, position_seconds=300, duration_seconds=1500)
    found = get_next_episode(alice.id, show)
    assert (found.state, found.episode) == ("continue", early)


def test_a_show_without_episodes_has_nothing_next(alice):
    show = add_show("Empty", seasons=0)
    assert get_next_episode(alice.id, show) == get_next_episode(alice.id, show)
    assert (get_next_episode(alice.id, show).state, get_next_episode(alice.id, show).episode) == (
        "start",
        None,
    )


def test_a_new_episode_is_next_once_the_library_has_it(alice, cast, show, set_clock):
    for season in (1, 2):
        for number in (1, 2, 3):
            mark_watched(alice.id, cast.episode(season, number))
    assert kept(show) == ("all_watched", None)
    new = Episode(media_item_id=show.id, season_number=3, episode_number=1, title="New")
    db.session.add(new)
    db.session.flush()
    refresh_show(show.id)
    assert kept(show) == ("next", new.id)


def test_bobs_watching_does_not_move_alice(alice, bob, show, pilot):
    mark_watched(bob.id, pilot)
    assert get_next_episode(alice.id, show).state == "start"
