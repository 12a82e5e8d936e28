"""Many pushes at once: one request for all missing plays, whatever else the account holds."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mydia_web.backends.errors import (
    BackendError,
    NotOnServer,
    RateLimited,
    Rejected,
    ServerTrouble,
    SignInRefused,
    Unreachable,
)
from mydia_web.backends.trakt import Trakt
from mydia_web.backends.values import ChangeKind, RemoteState, Target, Wanted
from tests.fakes.trakt import FakeTrakt
from tests.fakes.trakt_account import UNKNOWN
from tests.fakes.trakt_api import Reply
from tests.fakes.trakt_catalogue import Movie, Title

CLICK = datetime(2026, 11, 20, 20, 30, 15, tzinfo=UTC)
HALF_HOUR = 30 * 60_000


@pytest.fixture
def films(trakt: FakeTrakt) -> list[Movie]:
    return [trakt.add_movie(f"Film {number}") for number in range(100)]


def target(title: Title) -> Target:
    return Target(remote_id=title.remote_id, kind=title.kind)


def pushes(
    titles: list[Any], change_type: ChangeKind = "mark_watched", at: datetime = CLICK, **state: Any
) -> list[tuple[Target, Wanted]]:
    return [(target(title), Wanted(change_type=change_type, at=at, **state)) for title in titles]


def paths(trakt: FakeTrakt) -> list[str]:
    return [f"{one.method} {one.path.partition('?')[0]}" for one in trakt.exchanges]


def states(results: Any) -> list[RemoteState]:
    assert all(isinstance(one, RemoteState) for one in results), results
    return list(results)


def test_a_hundred_marks_are_one_write(
    trakt: FakeTrakt, backend: Trakt, films: list[Movie]
) -> None:
    shown = states(backend.push_many(pushes(films)))
    assert (
        shown
        == [RemoteState(watched=True, position_ms=0, play_count=1, last_played_at=CLICK)] * 100
    )
    assert paths(trakt) == [
        "GET /sync/playback/movies",
        "GET /sync/history/movies",
        "POST /sync/history",
    ]
    assert len(trakt.alice.plays) == 100


def test_repeating_a_batch_adds_nothing(
    trakt: FakeTrakt, backend: Trakt, films: list[Movie]
) -> None:
    batch = [
        (target(film), Wanted(change_type="mark_watched", at=CLICK - timedelta(days=3 * number)))
        for number, film in enumerate(films)
    ]
    first = backend.push_many(batch)
    assert backend.push_many(batch) == first
    assert len(trakt.alice.plays) == 100
    assert len(trakt.writes()) == 1


def test_a_batch_whose_answer_was_lost_is_found_when_repeated(
    trakt: FakeTrakt, backend: Trakt, films: list[Movie]
) -> None:
    trakt.lose_next_answer("POST")
    with pytest.raises(Unreachable):
        backend.push_many(pushes(films))
    states(backend.push_many(pushes(films)))
    assert len(trakt.alice.plays) == 100


def test_only_what_is_missing_is_sent(trakt: FakeTrakt, backend: Trakt, films: list[Movie]) -> None:
    for film in films[:97]:
        trakt.alice.watch(film, CLICK)
    backend.push_many(pushes(films))
    assert [entry["ids"]["trakt"] for entry in trakt.writes()[0].json["movies"]] == [98, 99, 100]


def test_two_plays_of_one_film_are_both_sent_and_a_third_is_the_second(
    trakt: FakeTrakt, backend: Trakt, films: list[Movie]
) -> None:
    times = (CLICK - timedelta(days=1), CLICK, CLICK + timedelta(seconds=20))
    past = [
        (target(films[0]), Wanted(change_type="mark_watched", at=at, is_past_play=True))
        for at in times
    ]
    shown = states(backend.push_many(past))
    assert [play.watched_at for play in trakt.alice.plays] == list(times[:2])
    assert [one.play_count for one in shown] == [2, 2, 2]


def test_films_and_episodes_go_out_together(
    trakt: FakeTrakt, backend: Trakt, films: list[Movie]
) -> None:
    show = trakt.add_show("Harbour Lights")
    pilot = trakt.add_episode(show, 0, 0)
    assert len(states(backend.push_many(pushes([films[0], pilot])))) == 2
    assert {name: len(entries) for name, entries in trakt.writes()[0].json.items()} == {
        "movies": 1,
        "episodes": 1,
    }


def test_an_unknown_title_fails_alone(trakt: FakeTrakt, backend: Trakt, films: list[Movie]) -> None:
    trakt.remove(films[1])
    results = backend.push_many(pushes(films[:3]))
    assert [type(one) for one in results] == [RemoteState, NotOnServer, RemoteState]
    assert len(trakt.alice.plays) == 2


def test_a_title_that_is_found_nowhere_fails_alone(
    trakt: FakeTrakt, backend: Trakt, films: list[Movie]
) -> None:
    nobody = (
        Target(remote_id="", kind="movie", external_ids={"imdb": "tt7"}),
        Wanted(change_type="mark_watched", at=CLICK),
    )
    results = backend.push_many([nobody, *pushes(films[:1])])
    assert [type(one) for one in results] == [NotOnServer, RemoteState]


def test_unwatching_a_season_is_one_write(trakt: FakeTrakt, backend: Trakt) -> None:
    show = trakt.add_show("Harbour Lights")
    season = [trakt.add_episode(show, 1, number) for number in range(1, 11)]
    for episode in season[:6]:
        trakt.alice.watch(episode, CLICK)
    shown = states(backend.push_many(pushes(season, "mark_unwatched")))
    assert shown == [RemoteState(watched=False)] * 10
    assert (trakt.alice.plays, paths(trakt)) == (
        [],
        ["GET /sync/playback/episodes", "POST /sync/history/remove"],
    )


def test_unwatching_what_trakt_calls_unknown_is_done_where_the_title_exists(
    trakt: FakeTrakt, backend: Trakt, films: list[Movie]
) -> None:
    trakt.remove(films[0])
    told = {
        "deleted": {"movies": 0, "episodes": 0},
        "not_found": {"movies": [{"ids": {"trakt": 1}}, {"ids": {"trakt": 2}}]},
    }
    page = Reply(200, [], {"X-Pagination-Item-Count": "0", "X-Pagination-Page-Count": "0"})
    nobody = Reply(200, [])
    known = Reply(200, [{"type": "movie", "movie": films[1].write("full")}])
    with trakt.answering(page, Reply(200, told), nobody, known):
        results = backend.push_many(pushes(films[:2], "mark_unwatched"))
    assert [type(one) for one in results] == [NotOnServer, RemoteState]


def test_marks_clear_the_pauses_of_their_titles(
    trakt: FakeTrakt, backend: Trakt, films: list[Movie]
) -> None:
    for film in films[:4]:
        trakt.alice.pause(film, 20, CLICK)
    batch = [
        *pushes(films[:2]),
        *pushes(films[2:3], "mark_unwatched"),
        *pushes(films[3:4], is_past_play=True),
    ]
    states(backend.push_many(batch))
    assert [pause.title for pause in trakt.alice.pauses] == [films[3]]


def test_no_more_pauses_are_cleared_than_there_is_time_for(
    trakt: FakeTrakt, backend: Trakt, films: list[Movie]
) -> None:
    for film in films[:25]:
        trakt.alice.pause(film, 20, CLICK)
    results = backend.push_many(pushes(films))
    assert [type(one) for one in results] == [
        *[RemoteState] * 20,
        *[ServerTrouble] * 5,
        *[RemoteState] * 75,
    ]
    states(backend.push_many(pushes(films[20:25])))
    assert (trakt.alice.pauses, len(trakt.alice.plays)) == ([], 100)


def test_positions_are_sent_one_by_one(
    trakt: FakeTrakt, backend: Trakt, films: list[Movie]
) -> None:
    progress = pushes(films[:2], "progress_update", position_ms=HALF_HOUR)
    shown = states(backend.push_many([*progress, *pushes(films[2:4])]))
    assert [one.watched for one in shown] == [False, False, True, True]
    assert [one.path for one in trakt.writes()] == [
        "/sync/history",
        "/scrobble/pause",
        "/scrobble/pause",
    ]


def test_pushes_of_one_title_keep_their_order(
    trakt: FakeTrakt, backend: Trakt, films: list[Movie]
) -> None:
    film = films[:1]
    states(backend.push_many([*pushes(film), *pushes(film, "mark_unwatched"), *pushes(films[1:3])]))
    assert [play.title for play in trakt.alice.plays] == films[1:3]
    later = CLICK + timedelta(hours=1)
    states(
        backend.push_many([*pushes(films[1:2], "mark_unwatched"), *pushes(films[1:2], at=later)])
    )
    assert [play.title for play in trakt.alice.plays] == [films[2], films[1]]


def test_plays_without_a_date_are_added_where_there_is_none(
    trakt: FakeTrakt, backend: Trakt, films: list[Movie]
) -> None:
    trakt.alice.watch(films[0], CLICK)
    shown = states(backend.push_many(pushes(films[:2], at=UNKNOWN)))
    assert [one.last_played_at for one in shown] == [CLICK, None]
    assert [(play.title, play.watched_at) for play in trakt.alice.plays] == [
        (films[0], CLICK),
        (films[1], UNKNOWN),
    ]


def test_with_a_long_history_each_title_is_asked_for(
    trakt: FakeTrakt, backend: Trakt, films: list[Movie]
) -> None:
    trakt.routes.habits.page = 10
    for number, film in enumerate(films):
        trakt.alice.watch(film, CLICK - timedelta(days=number))
    backend.push_many(pushes(films[:2], at=CLICK - timedelta(days=200)))
    assert paths(trakt)[1:4] == [
        "GET /sync/history/movies",
        "GET /sync/history/movies/1",
        "GET /sync/history/movies/2",
    ]
    assert len(trakt.alice.plays) == 102


@pytest.mark.parametrize("reads_time", [True, False])
def test_the_time_of_day_in_a_question_does_not_matter(
    trakt: FakeTrakt, backend: Trakt, films: list[Movie], reads_time: bool
) -> None:
    trakt.routes.habits.reads_time = reads_time
    midnight = CLICK.replace(hour=0, minute=0, second=5)
    trakt.alice.watch(films[0], midnight - timedelta(seconds=30))
    backend.push_many(pushes(films[:2], at=midnight))
    assert len(trakt.alice.plays) == 2


def test_an_account_that_keeps_one_play_of_each_is_looked_at_closely(
    trakt: FakeTrakt, backend: Trakt, films: list[Movie]
) -> None:
    trakt.alice.keeps_one_play = True
    before = CLICK - timedelta(days=400)
    trakt.alice.watch(films[0], before)
    shown = states(backend.push_many(pushes(films[:2])))
    assert [(one.play_count, one.last_played_at) for one in shown] == [(1, before), (1, CLICK)]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (500, ServerTrouble),
        (503, ServerTrouble),
        (429, RateLimited),
        (403, SignInRefused),
        (422, Rejected),
    ],
)
def test_when_the_request_fails_all_fail(
    trakt: FakeTrakt, backend: Trakt, films: list[Movie], status: int, error: type[BackendError]
) -> None:
    page = Reply(200, [], {"X-Pagination-Item-Count": "0", "X-Pagination-Page-Count": "0"})
    with trakt.answering(page, page, Reply(status)), pytest.raises(error):
        backend.push_many(pushes(films))


def test_an_answer_without_what_was_done_is_no_success(
    trakt: FakeTrakt, backend: Trakt, films: list[Movie]
) -> None:
    page = Reply(200, [], {"X-Pagination-Item-Count": "0", "X-Pagination-Page-Count": "0"})
    with (
        trakt.answering(page, page, Reply(201, {})),
        pytest.raises(ServerTrouble, match="what it did"),
    ):
        backend.push_many(pushes(films))


def test_nothing_is_asked_for_nothing(trakt: FakeTrakt, backend: Trakt) -> None:
    assert (backend.push_many([]), trakt.exchanges) == ([], [])
