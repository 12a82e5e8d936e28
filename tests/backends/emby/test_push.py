"""Pushing a change: Emby takes what it is sent for the whole state, and counts a play for every
mark.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mydia_web.backends.emby import Emby
from mydia_web.backends.errors import (
    NotOnServer,
    RateLimited,
    Rejected,
    ServerTrouble,
    SignInRefused,
    Unreachable,
)
from mydia_web.backends.values import ChangeKind, Connection, RemoteState, Target, Wanted
from tests.backends.emby.bench import EmbyBench
from tests.backends.mediabrowser.bench import target
from tests.fakes.emby import FakeEmby
from tests.fakes.mediabrowser_library import Person, Title

CLICK = datetime(2026, 11, 21, 20, 30, 15, 999_000, tzinfo=UTC)
#: A mark has whole seconds.
MARKED = CLICK.replace(microsecond=0)
EARLIER = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SECOND = 10_000_000


@pytest.fixture
def film(emby: FakeEmby) -> Title:
    return emby.add_movie("Sintel", year=2010, imdb="tt1727587", minutes=15)


def wanted(change_type: ChangeKind, at: datetime = CLICK, **state: Any) -> Wanted:
    return Wanted(change_type=change_type, at=at, **state)


def writes(emby: FakeEmby) -> list[str]:
    return [line for line in emby.told() if not line.startswith("GET")]


def test_a_film_marked_watched_gets_the_date_of_the_click(
    backend: Emby, film: Title, alice: Person
) -> None:
    assert backend.push(target(film), wanted("mark_watched")) == RemoteState(
        watched=True, position_ms=0, play_count=1, last_played_at=MARKED
    )
    state = film.state(alice.id)
    assert (state.played, state.play_count, state.last_played) == (True, 1, MARKED)


def test_a_mark_is_sent_with_fourteen_digits(emby: FakeEmby, backend: Emby, film: Title) -> None:
    backend.push(target(film), wanted("mark_watched"))
    marks = [request for request in emby.requests if request.method == "POST"]
    assert [request.asked("DatePlayed") for request in marks] == ["20261121203015"]


def test_a_mark_takes_two_requests_a_position_three_and_what_is_there_one(
    emby: FakeEmby, backend: Emby, film: Title, alice: Person
) -> None:
    of, item = f"/emby/Users/{alice.id}", film.id
    backend.push(target(film), wanted("mark_watched"))
    assert emby.told() == [f"GET {of}/Items/{item}", f"POST {of}/PlayedItems/{item}"]
    backend.push(target(film), wanted("mark_watched"))
    assert emby.told() == [f"GET {of}/Items/{item}"]
    backend.push(target(film), wanted("progress_update", position_ms=60_000))
    read = f"GET {of}/Items/{item}"
    assert emby.told() == [read, f"POST {of}/Items/{item}/UserData", read]
    backend.push(target(film), wanted("mark_unwatched"))
    assert emby.told() == [read, f"DELETE {of}/PlayedItems/{item}"]


@pytest.mark.parametrize("change_type", ["mark_watched", "mark_unwatched", "progress_update"])
@pytest.mark.parametrize("watched", [None, True])
def test_a_push_whose_answer_was_lost_is_repeated_without_a_second_play(
    emby: FakeEmby,
    backend: Emby,
    film: Title,
    alice: Person,
    change_type: ChangeKind,
    watched: bool | None,
) -> None:
    change = wanted(change_type, watched=watched, position_ms=200_000)
    film.state(alice.id).played = change_type == "mark_unwatched"
    with emby.losing_answers(to="POST DELETE"), pytest.raises(Unreachable):
        backend.push(target(film), change)
    assert len(writes(emby)) == 1
    shown = backend.push(target(film), change)
    is_mark = change_type == "mark_watched" or (
        change_type == "progress_update" and watched is True
    )
    assert (shown.watched, shown.play_count) == (is_mark, int(is_mark))
    assert shown.position_ms == (200_000 if change_type == "progress_update" else 0)
    writes(emby)
    assert backend.push(target(film), change) == shown
    assert writes(emby) == []


def test_a_position_touches_nothing_else(
    emby: FakeEmby, backend: Emby, film: Title, alice: Person
) -> None:
    emby.watch(alice, film, EARLIER)
    state = film.state(alice.id)
    state.favorite, state.rating, state.play_count = True, 8.5, 3
    shown = backend.push(target(film), wanted("progress_update", position_ms=754_321))
    state = film.state(alice.id)
    assert (state.favorite, state.rating, state.play_count, state.played) == (True, 8.5, 3, True)
    assert shown == RemoteState(
        watched=True, position_ms=754_321, play_count=3, last_played_at=CLICK
    )


def test_what_emby_says_besides_is_sent_back(emby: FakeEmby, backend: Emby, film: Title) -> None:
    told = (
        '{"Id":"%s","Type":"Movie",'
        '"UserData":{"Played":false,"IsHidden":true,"Key":"k","UnplayedItemCount":1}}'
    )
    emby.fail_next(200, told % film.id, content_type="application/json")
    backend.push(target(film), wanted("progress_update", position_ms=60_000))
    (sent,) = [request.json for request in emby.requests if request.method == "POST"]
    assert sent == {
        "Played": False,
        "IsHidden": True,
        "IsFavorite": False,
        "PlayCount": 0,
        "PlaybackPositionTicks": 60 * SECOND,
        "LastPlayedDate": "2026-11-21T20:30:15.999000Z",
    }


def test_what_a_player_wrote_at_the_same_time_is_read_before_writing_again(
    emby: FakeEmby, backend: Emby, film: Title, alice: Person
) -> None:
    def play() -> None:
        state = film.state(alice.id)
        state.position, state.favorite = 5 * SECOND, True

    emby.after_storing.append(play)
    shown = backend.push(target(film), wanted("progress_update", position_ms=60_000))
    assert (shown.position_ms, film.state(alice.id).favorite) == (60_000, True)
    assert len(writes(emby)) == 2


def test_an_ok_without_an_effect_is_not_believed(
    emby: FakeEmby, backend: Emby, film: Title
) -> None:
    emby.ignores_changes = True
    with pytest.raises(
        ServerTrouble, match="took the change to “Sintel”, but then did not show it"
    ):
        backend.push(target(film), wanted("progress_update", position_ms=60_000))
    assert len(writes(emby)) == 2


def test_a_date_of_embys_own_that_is_later_is_not_taken_back(
    emby: FakeEmby, backend: Emby, film: Title, alice: Person
) -> None:
    later = CLICK + timedelta(days=1)
    emby.watch(alice, film, later)
    assert backend.push(target(film), wanted("mark_watched")).last_played_at == later
    shown = backend.push(target(film), wanted("progress_update", position_ms=60_000))
    assert shown == RemoteState(
        watched=True, position_ms=60_000, play_count=1, last_played_at=later
    )


def test_a_film_watched_earlier_there_gets_the_later_date_and_no_further_play(
    emby: FakeEmby, backend: Emby, film: Title, alice: Person
) -> None:
    emby.watch(alice, film, EARLIER)
    assert backend.push(target(film), wanted("mark_watched")) == RemoteState(
        watched=True, position_ms=0, play_count=1, last_played_at=CLICK
    )


def test_a_mark_whose_date_nobody_knows_gets_none(backend: Emby, film: Title) -> None:
    shown = backend.push(target(film), wanted("mark_watched", datetime(1970, 1, 1, tzinfo=UTC)))
    assert shown == RemoteState(watched=True, position_ms=0, play_count=1, last_played_at=None)


def test_marking_unwatched_clears_everything_but_the_heart(
    emby: FakeEmby, backend: Emby, film: Title, alice: Person
) -> None:
    emby.watch(alice, film, EARLIER)
    film.state(alice.id).favorite = True
    assert backend.push(target(film), wanted("mark_unwatched")) == RemoteState(watched=False)
    assert film.state(alice.id).favorite
    writes(emby)
    backend.push(target(film), wanted("mark_unwatched"))
    assert writes(emby) == []


@pytest.mark.parametrize(
    ("watched", "before", "after"),
    [
        (None, True, True),
        (None, False, False),
        (True, False, True),
        (True, True, True),
        (False, True, False),
    ],
)
def test_a_position_leaves_the_mark_alone_or_sets_it(
    backend: Emby, film: Title, alice: Person, watched: bool | None, before: bool, after: bool
) -> None:
    film.state(alice.id).played = before
    shown = backend.push(
        target(film), wanted("progress_update", watched=watched, position_ms=60_000)
    )
    assert (shown.watched, shown.position_ms) == (after, 60_000)


@pytest.mark.parametrize(("asked", "kept"), [(1, 1), (899_999, 899_999), (9_000_000, 900_000)])
def test_a_position_near_an_end_neither_vanishes_nor_finishes_the_film(
    backend: Emby, film: Title, asked: int, kept: int
) -> None:
    shown = backend.push(target(film), wanted("progress_update", position_ms=asked))
    assert (shown.watched, shown.position_ms) == (False, kept)


def test_a_position_of_zero_clears_it_and_nothing_else(
    emby: FakeEmby, backend: Emby, film: Title, alice: Person
) -> None:
    emby.watch(alice, film, EARLIER)
    film.state(alice.id).position = 60 * SECOND
    shown = backend.push(target(film), wanted("progress_update", EARLIER, position_ms=0))
    assert shown == RemoteState(watched=True, position_ms=0, play_count=1, last_played_at=EARLIER)


def test_a_mark_whose_answer_says_little_is_read_again(
    emby: FakeEmby, backend: Emby, film: Title
) -> None:
    with emby.answers_nothing_to("/PlayedItems/"):
        assert backend.push(target(film), wanted("mark_watched")) == RemoteState(
            watched=True, position_ms=0, play_count=1, last_played_at=MARKED
        )
    assert len(writes(emby)) == 1
    emby.exchanges.clear()


def test_a_title_that_is_gone_or_hidden_is_not_on_the_server(
    emby: FakeEmby, backend: Emby, film: Title, alice: Person
) -> None:
    film.hidden_from.add(alice.id)
    with pytest.raises(NotOnServer):
        backend.push(target(film), wanted("mark_watched"))
    emby.remove(film)
    with pytest.raises(NotOnServer):
        backend.push(target(film), wanted("mark_watched"))
    with pytest.raises(NotOnServer):
        backend.push(Target(remote_id="", kind="movie"), wanted("mark_watched"))
    assert writes(emby) == []


def test_a_number_that_now_means_another_film_is_not_written_to(
    emby: FakeEmby, backend: Emby, film: Title
) -> None:
    other = target(film, path="/elsewhere/Other.mkv", external_ids={"imdb": "tt2285752"})
    with pytest.raises(NotOnServer, match="given the id of this title to another one"):
        backend.push(other, wanted("mark_watched"))
    assert writes(emby) == []


def test_an_id_cannot_lead_elsewhere(emby: FakeEmby, backend: Emby, alice: Person) -> None:
    with pytest.raises(NotOnServer):
        backend.push(Target(remote_id="../../System/Info", kind="movie"), wanted("mark_watched"))
    assert all(
        request.path.startswith(f"/emby/Users/{alice.id}/Items/..%2F") for request in emby.requests
    )


def test_an_answer_of_nothing_is_no_title(emby: FakeEmby, backend: Emby, film: Title) -> None:
    emby.fail_next(200, "null", content_type="application/json")
    with pytest.raises(NotOnServer):
        backend.push(target(film), wanted("mark_watched"))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, SignInRefused),
        (403, Rejected),
        (404, NotOnServer),
        (500, ServerTrouble),
        (400, Rejected),
    ],
)
@pytest.mark.parametrize("path", ["/Items/", "/PlayedItems/"])
def test_each_refusal_says_what_helps(
    emby: FakeEmby, backend: Emby, film: Title, status: int, kind: type[Exception], path: str
) -> None:
    emby.fail_next(status, path=path)
    with pytest.raises(kind):
        backend.push(target(film), wanted("mark_watched"))


def test_an_emby_that_starts_is_waited_for(emby: FakeEmby, backend: Emby, film: Title) -> None:
    emby.fail_next(503, headers={"Retry-After": "10"})
    with pytest.raises(RateLimited) as caught:
        backend.push(target(film), wanted("mark_watched"))
    assert caught.value.retry_after == 10


def test_an_api_key_changes_the_state_of_the_person_that_was_named(
    emby: FakeEmby, admin: Person, alice: Person, film: Title
) -> None:
    backend = Emby(
        Connection(emby.url, credentials={"token": emby.api_key()}, remote_user_id="Alice")
    )
    assert backend.push(target(film), wanted("mark_watched")).watched
    assert (film.state(alice.id).played, film.state(admin.id).played) == (True, False)
    backend.close()


@pytest.mark.parametrize("change_type", ["mark_watched", "mark_unwatched", "progress_update"])
def test_explaining_tells_the_calls_and_makes_none(
    emby: FakeEmby, bench: EmbyBench, backend: Emby, film: Title, change_type: ChangeKind
) -> None:
    lines = backend.explain(target(film), wanted(change_type, position_ms=60_000))
    assert emby.told() == []
    film.state(bench.alice.id).played = change_type == "mark_unwatched"
    backend.push(target(film), wanted(change_type, position_ms=60_000))
    sent = [
        (request.method, request.path.removeprefix("/emby"), request.json)
        for request in emby.news()
    ]
    assert len(lines) == len(sent)
    for line, (method, path, body) in zip(lines, sent, strict=True):
        assert line.startswith(f"{method} {path}")
        for name in body or ():
            assert f'"{name}": ' in line


def test_an_emby_without_the_route_for_a_state_cannot_take_it(
    emby: FakeEmby, backend: Emby, film: Title
) -> None:
    emby.fail_next(404, path="/UserData")
    with pytest.raises(Rejected, match="cannot take this change"):
        backend.push(target(film), wanted("progress_update", position_ms=60_000))
