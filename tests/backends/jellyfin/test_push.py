"""Pushing a change: Jellyfin keeps what a request leaves out, and counts a play for every mark with
a date.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import pytest

from mydia_web.backends.errors import (
    NotOnServer,
    RateLimited,
    Rejected,
    ServerTrouble,
    SignInRefused,
    Unreachable,
)
from mydia_web.backends.jellyfin import Jellyfin
from mydia_web.backends.values import ChangeKind, Connection, RemoteState, Target, Wanted
from tests.backends.jellyfin.bench import JellyfinBench
from tests.backends.mediabrowser.bench import target
from tests.fakes.jellyfin import FakeJellyfin
from tests.fakes.mediabrowser_library import Person, State, Title

CLICK = datetime(2026, 11, 21, 20, 30, 15, 999_000, tzinfo=UTC)
EARLIER = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SECOND = 10_000_000


@pytest.fixture
def film(jellyfin: FakeJellyfin) -> Title:
    return jellyfin.add_movie("Sintel", year=2010, imdb="tt1727587", minutes=15)


@pytest.fixture
def state(film: Title, alice: Person) -> State:
    return film.state(alice.id)


def wanted(change_type: ChangeKind, at: datetime = CLICK, **state: Any) -> Wanted:
    return Wanted(change_type=change_type, at=at, **state)


def writes(jellyfin: FakeJellyfin) -> list[str]:
    return [line for line in jellyfin.told() if not line.startswith("GET")]


def test_a_film_marked_watched_gets_the_date_of_the_click(
    backend: Jellyfin, film: Title, state: State
) -> None:
    shown = backend.push(target(film), wanted("mark_watched"))
    assert (state.played, state.play_count, state.position, state.last_played) == (
        True,
        1,
        0,
        CLICK,
    )
    assert shown == RemoteState(watched=True, position_ms=0, play_count=1, last_played_at=CLICK)


def test_a_mark_takes_two_requests_and_a_mark_that_is_there_takes_one(
    jellyfin: FakeJellyfin, backend: Jellyfin, film: Title
) -> None:
    backend.push(target(film), wanted("mark_watched"))
    assert jellyfin.told() == ["GET /Items", f"POST /UserItems/{film.id}/UserData"]
    backend.push(target(film), wanted("mark_watched"))
    assert jellyfin.told() == ["GET /Items"]


def test_marking_watched_clears_the_position_and_keeps_the_rest(
    backend: Jellyfin, film: Title, state: State
) -> None:
    state.position, state.play_count, state.favorite, state.rating = 60 * SECOND, 3, True, 8.0
    backend.push(target(film), wanted("mark_watched"))
    assert (state.position, state.play_count, state.favorite, state.rating) == (0, 3, True, 8.0)


@pytest.mark.parametrize("change_type", ["mark_watched", "mark_unwatched", "progress_update"])
@pytest.mark.parametrize("watched", [None, True])
def test_a_push_whose_answer_was_lost_is_repeated_without_a_second_play(
    jellyfin: FakeJellyfin,
    backend: Jellyfin,
    film: Title,
    state: State,
    change_type: ChangeKind,
    watched: bool | None,
) -> None:
    change = wanted(change_type, watched=watched, position_ms=200_000)
    state.position = 60 * SECOND
    state.played = change_type == "mark_unwatched"
    with jellyfin.losing_answers(to="POST DELETE"), pytest.raises(Unreachable):
        backend.push(target(film), change)
    before = (state.played, state.play_count, state.position, state.last_played)
    assert len(writes(jellyfin)) == 1
    backend.push(target(film), change)
    assert (state.played, state.play_count, state.position, state.last_played) == before
    is_mark = change_type == "mark_watched" or (
        change_type == "progress_update" and watched is True
    )
    assert (state.played, state.play_count) == (is_mark, int(is_mark))
    assert writes(jellyfin) == []


def test_a_date_of_jellyfins_own_that_is_later_is_not_taken_back(
    jellyfin: FakeJellyfin, backend: Jellyfin, film: Title, alice: Person, state: State
) -> None:
    later = CLICK + timedelta(days=1)
    jellyfin.watch(alice, film, later)
    assert backend.push(target(film), wanted("mark_watched")).last_played_at == later
    backend.push(target(film), wanted("progress_update", position_ms=60_000))
    assert (state.last_played, state.position, state.played) == (later, 60 * SECOND, True)


def test_a_film_watched_earlier_there_gets_the_later_date(
    jellyfin: FakeJellyfin, backend: Jellyfin, film: Title, alice: Person, state: State
) -> None:
    jellyfin.watch(alice, film, EARLIER)
    backend.push(target(film), wanted("mark_watched"))
    assert (state.last_played, state.play_count) == (CLICK, 1)


def test_a_mark_whose_date_nobody_knows_gets_none(
    backend: Jellyfin, film: Title, state: State
) -> None:
    shown = backend.push(target(film), wanted("mark_watched", datetime(1970, 1, 1, tzinfo=UTC)))
    assert (state.played, state.last_played, shown.last_played_at) == (True, None, None)


def test_marking_unwatched_clears_everything_but_the_heart(
    jellyfin: FakeJellyfin, backend: Jellyfin, film: Title, alice: Person, state: State
) -> None:
    jellyfin.watch(alice, film, EARLIER)
    state.position, state.favorite = 60 * SECOND, True
    shown = backend.push(target(film), wanted("mark_unwatched"))
    assert shown == RemoteState(watched=False)
    assert (state.played, state.position, state.play_count, state.last_played) == (
        False,
        0,
        0,
        None,
    )
    assert state.favorite


def test_an_unwatched_film_is_not_marked_so_again(
    jellyfin: FakeJellyfin, backend: Jellyfin, film: Title, state: State
) -> None:
    state.play_count = 1  # somebody began it
    backend.push(target(film), wanted("mark_unwatched"))
    assert writes(jellyfin) == []


def test_a_position_is_kept_to_the_millisecond(
    backend: Jellyfin, film: Title, state: State
) -> None:
    shown = backend.push(target(film), wanted("progress_update", position_ms=754_321))
    assert (state.position, state.last_played, state.played) == (7_543_210_000, CLICK, False)
    assert shown == RemoteState(
        watched=False, position_ms=754_321, play_count=0, last_played_at=CLICK
    )


@pytest.mark.parametrize("position_ms", [1, 810_001, 899_999])
def test_a_position_near_an_end_neither_vanishes_nor_finishes_the_film(
    backend: Jellyfin, film: Title, position_ms: int
) -> None:
    shown = backend.push(target(film), wanted("progress_update", position_ms=position_ms))
    assert (shown.watched, shown.position_ms) == (False, position_ms)


def test_a_position_after_the_end_is_the_end(backend: Jellyfin, film: Title) -> None:
    shown = backend.push(target(film), wanted("progress_update", position_ms=9_000_000))
    assert (shown.watched, shown.position_ms) == (False, 900_000)


def test_a_position_of_zero_clears_it_and_nothing_else(
    jellyfin: FakeJellyfin, backend: Jellyfin, film: Title, alice: Person, state: State
) -> None:
    jellyfin.watch(alice, film, EARLIER)
    state.position = 60 * SECOND
    backend.push(target(film), wanted("progress_update", EARLIER, position_ms=0))
    assert (state.position, state.played, state.play_count, state.last_played) == (
        0,
        True,
        1,
        EARLIER,
    )


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
    jellyfin: FakeJellyfin,
    backend: Jellyfin,
    film: Title,
    state: State,
    watched: bool | None,
    before: bool,
    after: bool,
) -> None:
    state.played, state.play_count = before, 2
    backend.push(target(film), wanted("progress_update", watched=watched, position_ms=60_000))
    assert (state.played, state.position, state.play_count) == (after, 60 * SECOND, 2)
    assert len(writes(jellyfin)) == 1


def test_every_version_is_marked_since_12(
    jellyfin: FakeJellyfin, backend: Jellyfin, bench: JellyfinBench, alice: Person
) -> None:
    film = jellyfin.add_movie("Sintel", versions=3, minutes=15)
    film.versions[0].state(alice.id).position = 60 * SECOND
    shown = backend.push(target(film), wanted("mark_watched"))
    assert shown.watched
    assert bench.held(target(film)).last_played_at == CLICK
    assert bench.held(target(film)).play_count == 1
    others = [version.state(alice.id) for version in film.versions]
    assert [one.played for one in others] == [jellyfin.major >= 12] * 2
    if jellyfin.major >= 12:
        assert others[0].position == 0
    assert len(jellyfin.told()) == 3
    backend.push(target(film), wanted("mark_watched"))
    assert jellyfin.told() == ["GET /Items"]


def test_a_rewatch_of_a_film_with_versions_keeps_its_mark_and_its_position(
    jellyfin: FakeJellyfin, backend: Jellyfin
) -> None:
    film = jellyfin.add_movie("Sintel", versions=2, minutes=15)
    change = wanted("progress_update", watched=True, position_ms=60_000)
    shown = backend.push(target(film), change)
    assert (shown.watched, shown.position_ms, shown.play_count) == (True, 60_000, 1)
    # A mark that reaches all versions dates the others with the present, and the latest date is
    # shown.
    assert shown.last_played_at
    assert shown.last_played_at > CLICK if jellyfin.major >= 12 else shown.last_played_at == CLICK


@pytest.mark.parametrize("position_ms", [None, 60_000])
def test_no_version_stays_marked_of_a_film_that_is_unwatched(
    jellyfin: FakeJellyfin, backend: Jellyfin, alice: Person, position_ms: int | None
) -> None:
    film = jellyfin.add_movie("Sintel", versions=2, minutes=15)
    for one in (film, *film.versions):
        jellyfin.watch(alice, one, EARLIER)
    change_type: ChangeKind = "progress_update" if position_ms else "mark_unwatched"
    shown = backend.push(target(film), wanted(change_type, watched=False, position_ms=position_ms))
    assert (shown.watched, shown.position_ms) == (False, position_ms or 0)
    if jellyfin.major >= 12:
        assert not film.versions[0].state(alice.id).played


def test_who_may_not_write_preferences_may_still_mark(
    jellyfin: FakeJellyfin, backend: Jellyfin, film: Title, alice: Person, state: State
) -> None:
    alice.may_write = False
    assert backend.push(target(film), wanted("mark_watched")) == RemoteState(
        watched=True, position_ms=0, play_count=1, last_played_at=CLICK
    )
    backend.push(target(film), wanted("mark_watched"))
    assert (state.play_count, state.last_played) == (1, CLICK)
    with pytest.raises(Rejected, match="does not allow this person to change this title"):
        backend.push(target(film), wanted("progress_update", position_ms=60_000))


def test_a_title_that_is_gone_or_hidden_is_not_on_the_server(
    jellyfin: FakeJellyfin, backend: Jellyfin, film: Title, alice: Person
) -> None:
    film.hidden_from.add(alice.id)
    with pytest.raises(NotOnServer):
        backend.push(target(film), wanted("mark_watched"))
    jellyfin.remove(film)
    with pytest.raises(NotOnServer):
        backend.push(target(film), wanted("mark_watched"))
    assert writes(jellyfin) == []


def test_a_title_that_goes_between_reading_and_writing_is_not_on_the_server(
    jellyfin: FakeJellyfin, backend: Jellyfin, film: Title
) -> None:
    push = (target(film), wanted("mark_watched"))
    reading = backend.read(push)
    jellyfin.remove(film)
    with pytest.raises(NotOnServer):
        backend.write(push, reading)


@pytest.mark.parametrize("remote_id", ["", "x", "4916", "../Users", "9250ab3d"])
def test_what_is_no_id_of_jellyfin_is_never_sent(
    jellyfin: FakeJellyfin, backend: Jellyfin, remote_id: str
) -> None:
    jellyfin.told()
    with pytest.raises(NotOnServer):
        backend.push(Target(remote_id=remote_id, kind="movie"), wanted("mark_watched"))
    assert jellyfin.told() == []


def test_an_id_with_dashes_is_the_same_id(backend: Jellyfin, film: Title) -> None:
    dashed = f"{film.id[:8]}-{film.id[8:12]}-{film.id[12:16]}-{film.id[16:20]}-{film.id[20:]}"
    assert backend.push(target(film, remote_id=dashed.upper()), wanted("mark_watched")).watched


def test_an_id_of_another_kind_or_another_file_is_not_written_to(
    jellyfin: FakeJellyfin, backend: Jellyfin, film: Title
) -> None:
    other = target(film, path="/elsewhere/Other.mkv", external_ids={"imdb": "tt2285752"})
    for meant in (target(film, kind="episode"), other):
        with pytest.raises(NotOnServer, match="given the id of this title to another one"):
            backend.push(meant, wanted("mark_watched"))
    assert writes(jellyfin) == []
    renamed = target(film, path="/elsewhere/Sintel.mkv")
    assert backend.push(renamed, wanted("mark_watched")).watched


def test_an_ok_without_an_effect_is_not_believed(
    jellyfin: FakeJellyfin, backend: Jellyfin, film: Title
) -> None:
    jellyfin.ignores_changes = True
    with pytest.raises(
        ServerTrouble, match="took the change to “Sintel”, but then did not show it"
    ):
        backend.push(target(film), wanted("mark_watched"))


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, SignInRefused), (500, ServerTrouble), (400, Rejected), (418, Rejected)],
)
@pytest.mark.parametrize("path", ["/Items", "/UserData"])
def test_each_refusal_says_what_helps(
    jellyfin: FakeJellyfin,
    backend: Jellyfin,
    film: Title,
    status: int,
    kind: type[Exception],
    path: str,
) -> None:
    jellyfin.fail_next(status, path=path)
    with pytest.raises(kind):
        backend.push(target(film), wanted("mark_watched"))


def test_a_jellyfin_that_starts_is_waited_for(
    jellyfin: FakeJellyfin, backend: Jellyfin, film: Title
) -> None:
    starting = "<html>Jellyfin is starting</html>"
    jellyfin.fail_next(503, starting, content_type="text/html", headers={"Retry-After": "005"})
    with pytest.raises(RateLimited) as caught:
        backend.push(target(film), wanted("mark_watched"))
    assert caught.value.retry_after == 5


def test_an_administrator_changes_the_state_of_another(
    jellyfin: FakeJellyfin, admin: Person, alice: Person, film: Title, state: State
) -> None:
    typed = Connection(
        jellyfin.url, credentials={"username": "root", "password": "toor"}, remote_user_id="Alice"
    )
    Jellyfin(typed).push(target(film), wanted("mark_watched"))
    assert state.played
    assert not film.state(admin.id).played


def test_who_is_no_administrator_cannot_act_for_another(
    jellyfin: FakeJellyfin, typed: Connection, admin: Person, film: Title
) -> None:
    as_other = Connection(typed.base_url, credentials=typed.credentials, remote_user_id="root")
    with pytest.raises(SignInRefused, match="may not act for others"):
        Jellyfin(as_other).push(target(film), wanted("mark_watched"))
    assert not film.state(admin.id).played


@pytest.mark.parametrize("change_type", ["mark_watched", "mark_unwatched", "progress_update"])
def test_explaining_tells_the_calls_and_makes_none(
    jellyfin: FakeJellyfin,
    bench: JellyfinBench,
    backend: Jellyfin,
    film: Title,
    change_type: ChangeKind,
) -> None:
    lines = backend.explain(target(film), wanted(change_type, position_ms=60_000))
    assert jellyfin.told() == []
    if change_type == "mark_unwatched":
        film.state(bench.alice.id).played = True
    backend.push(target(film), wanted(change_type, position_ms=60_000))
    sent = [
        f"{request.method} {unquote(request.target)}{_body(request.body)}"
        for request in jellyfin.news()
    ]
    assert [line.replace(" ", "") for line in lines] == [line.replace(" ", "") for line in sent]


def _body(body: bytes) -> str:
    return f" {body.decode()}" if body else ""


def test_no_secret_stands_in_an_explanation_or_a_repr(typed: Connection, film: Title) -> None:
    backend = Jellyfin(typed)
    lines = backend.explain(target(film), wanted("mark_watched"))
    assert "userId={user}" in lines[0]
    assert "secret" not in repr(typed) + repr(backend) + "".join(lines)
