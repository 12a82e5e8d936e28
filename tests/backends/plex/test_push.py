"""Pushing with the few verbs of Plex: none may count a play twice, or finish what is unfinished."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mydia_web.backends.errors import NotOnServer, Rejected, ServerTrouble, Unreachable
from mydia_web.backends.plex import Plex
from mydia_web.backends.values import ChangeKind, RemoteState, Target, Wanted
from tests.backends.plex.conftest import Open, signed_in
from tests.fakes.plex import ALICE, BOB, CAROL, FakePlex, Title
from tests.fakes.plex_library import Played

CLICK = datetime(2026, 11, 1, 20, 30, 15, tzinfo=UTC)
ARRIVAL = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
MINUTE = 60_000
LENGTH = 100 * MINUTE


@pytest.fixture(autouse=True)
def _arrival(plex: FakePlex) -> None:
    plex.now = lambda: ARRIVAL


@pytest.fixture
def film(plex: FakePlex) -> Title:
    return plex.add_movie("Sintel", minutes=100, guids=["imdb://tt1727587"])


def target(title: Title, **other: Any) -> Target:
    kind = "movie" if title.kind == "movie" else "episode"
    return Target(**{"remote_id": str(title.key), "kind": kind, **other})


def wanted(change_type: ChangeKind, **state: Any) -> Wanted:
    return Wanted(change_type=change_type, at=CLICK, **state)


def mark() -> Wanted:
    return wanted("mark_watched", watched=True, position_ms=0)


def unmark() -> Wanted:
    return wanted("mark_unwatched", watched=False, position_ms=0)


def progress(position: int | None, watched: bool | None = None) -> Wanted:
    return wanted("progress_update", position_ms=position, watched=watched, duration_ms=LENGTH)


def held(title: Title, user_id: int = ALICE) -> tuple[int, int | None]:
    played = title.of(user_id)
    return played.view_count, played.view_offset


def holds(title: Title, view_count: int = 0, view_offset: int | None = None) -> None:
    title.states[ALICE] = Played(view_count, view_offset, 1_700_000_000)


def verbs(plex: FakePlex) -> list[str]:
    return [request.path.removeprefix("/:/") for request in plex.writes()]


def test_a_mark_is_dated_by_plex(backend: Plex, film: Title) -> None:
    assert backend.push(target(film), mark()) == RemoteState(
        watched=True, position_ms=0, play_count=1, last_played_at=ARRIVAL
    )
    assert held(film) == (1, None)


def test_a_push_is_read_written_and_read_back(plex: FakePlex, backend: Plex, film: Title) -> None:
    backend.push(target(film), mark())
    assert plex.lines() == ["GET /library/metadata/1", "PUT /:/scrobble", "GET /library/metadata/1"]
    assert plex.tv.lines() == []


@pytest.mark.parametrize(
    "change",
    [
        mark(),
        unmark(),
        progress(10 * MINUTE),
        progress(10 * MINUTE, True),
        progress(10 * MINUTE, False),
    ],
)
@pytest.mark.parametrize("before", [(0, None), (0, 5 * MINUTE), (2, None), (2, 5 * MINUTE)])
def test_a_push_that_is_repeated_sends_nothing_more(
    plex: FakePlex, backend: Plex, film: Title, change: Wanted, before: tuple[int, int | None]
) -> None:
    holds(film, *before)
    shown = backend.push(target(film), change)
    after = held(film)
    plex.lines()
    assert backend.push(target(film), change) == shown
    assert held(film) == after
    assert plex.lines() == ["GET /library/metadata/1"]


@pytest.mark.parametrize("change", [mark(), progress(10 * MINUTE, True), unmark()])
def test_a_push_whose_answers_were_lost_counts_one_play(
    plex: FakePlex, backend: Plex, film: Title, change: Wanted
) -> None:
    holds(film, 3 if change.watched is False else 0)
    plex.loses_answers_to = ("PUT", "POST")
    with pytest.raises(Unreachable):
        backend.push(target(film), change)
    plex.loses_answers_to = ()
    backend.push(target(film), change)
    assert film.of(ALICE).view_count == (0 if change.watched is False else 1)


def test_marking_what_is_watched_already_adds_no_play(
    plex: FakePlex, backend: Plex, film: Title
) -> None:
    holds(film, 2)
    assert backend.push(target(film), mark()).play_count == 2
    assert plex.lines() == ["GET /library/metadata/1"]


@pytest.mark.parametrize("zero_clears", [True, False])
def test_the_end_of_a_rewatch_is_one_more_play(
    plex: FakePlex, backend: Plex, film: Title, zero_clears: bool
) -> None:
    plex.zero_clears = zero_clears
    holds(film, 2, 30 * MINUTE)
    assert backend.push(target(film), mark()) == RemoteState(
        watched=True, position_ms=0, play_count=3, last_played_at=ARRIVAL
    )


@pytest.mark.parametrize("before", [(2, None), (0, 30 * MINUTE), (2, 30 * MINUTE)])
def test_unmarking_clears_everything(
    backend: Plex, film: Title, before: tuple[int, int | None]
) -> None:
    holds(film, *before)
    assert backend.push(target(film), unmark()) == RemoteState(watched=False)


def test_a_position_is_kept_to_the_millisecond(backend: Plex, film: Title) -> None:
    assert backend.push(target(film), progress(1_234_567)) == RemoteState(
        watched=False, position_ms=1_234_567, play_count=0, last_played_at=ARRIVAL
    )


@pytest.mark.parametrize(
    "state", [(None, 2, 2), (None, 0, 0), (True, 0, 1), (True, 3, 3), (False, 3, 0)]
)
def test_a_position_leaves_the_mark_alone_or_brings_it(
    backend: Plex, film: Title, state: tuple[bool | None, int, int]
) -> None:
    watched, before, after = state
    holds(film, before)
    backend.push(target(film), progress(10 * MINUTE, watched))
    assert held(film) == (after, 10 * MINUTE)


def test_a_rewatch_under_way_is_the_mark_and_then_the_position(
    plex: FakePlex, backend: Plex, film: Title
) -> None:
    """The other way round the mark would clear the position."""
    shown = backend.push(target(film), progress(10 * MINUTE, True))
    assert verbs(plex) == ["scrobble", "timeline"]
    assert shown == RemoteState(
        watched=True, position_ms=10 * MINUTE, play_count=1, last_played_at=ARRIVAL
    )


def test_a_mark_alone_leaves_the_position(plex: FakePlex, backend: Plex, film: Title) -> None:
    holds(film, 1, 10 * MINUTE)
    backend.push(target(film), progress(None, True))
    assert held(film) == (1, 10 * MINUTE)


@pytest.mark.parametrize("share", [0.89, 0.899, 0.9, 0.95, 1.0, 1.2])
@pytest.mark.parametrize("threshold", [70, 80, 90, 95])
def test_an_unfinished_film_is_never_finished(
    plex: FakePlex, backend: Plex, film: Title, share: float, threshold: int
) -> None:
    plex.threshold = threshold
    position = round(LENGTH * share)
    shown = backend.push(target(film), progress(position))
    assert not shown.watched
    assert shown.position_ms == min(position, LENGTH * threshold // 100 - 1000)
    assert verbs(plex) == ["timeline"]


def test_the_threshold_is_asked_for_once_and_only_late_in_a_title(
    plex: FakePlex, backend: Plex, film: Title
) -> None:
    for minute in (10, 20, 60, 70, 80):
        backend.push(target(film), progress(minute * MINUTE))
    assert plex.lines().count("GET /:/prefs/get") == 1


@pytest.mark.parametrize("refusal", [401, 403])
def test_who_may_not_ask_for_the_threshold_is_kept_from_finishing_all_the_same(
    plex: FakePlex, open_plex: Open, film: Title, refusal: int
) -> None:
    plex.not_for_you, plex.threshold = refusal, 80
    shown = open_plex(signed_in(plex, CAROL)).push(target(film), progress(85 * MINUTE))
    assert (shown.watched, shown.play_count) == (False, 0)
    assert shown.position_ms == 65 * MINUTE - 1000
    assert verbs(plex) == ["timeline", "unscrobble", "timeline"]


def test_a_server_without_the_setting_has_the_usual_threshold(
    plex: FakePlex, backend: Plex, film: Title
) -> None:
    plex.threshold = None
    assert backend.push(target(film), progress(95 * MINUTE)).position_ms == 90 * MINUTE - 1000


def test_a_film_whose_credits_count_as_its_end_is_not_finished(
    plex: FakePlex, backend: Plex, film: Title
) -> None:
    film.credits_at = 0.8
    assert backend.push(target(film), progress(85 * MINUTE)) == RemoteState(
        watched=False, position_ms=65 * MINUTE - 1000, play_count=0, last_played_at=ARRIVAL
    )


def test_a_film_that_is_finished_anywhere_is_refused_and_left_unfinished(
    backend: Plex, film: Title
) -> None:
    film.credits_at = 0.1
    with pytest.raises(Rejected, match="takes “Sintel” for watched at this position"):
        backend.push(target(film), progress(85 * MINUTE))
    assert held(film) == (0, None)


def test_a_watched_film_keeps_its_mark_when_its_credits_count(backend: Plex, film: Title) -> None:
    holds(film, 1)
    film.credits_at = 0.8
    shown = backend.push(target(film), progress(85 * MINUTE))
    assert (shown.watched, shown.position_ms) == (True, 65 * MINUTE - 1000)


def test_a_shorter_copy_is_not_finished_by_a_longer_ones_position(
    plex: FakePlex, backend: Plex
) -> None:
    short = plex.add_movie("Short cut", minutes=50)
    assert backend.push(target(short), progress(60 * MINUTE)).position_ms == 45 * MINUTE - 1000
    assert held(short)[0] == 0


@pytest.mark.parametrize("fate", ["kept", "ignored", "cleared"])
@pytest.mark.parametrize(
    ("before", "left"), [((0, None), 0), ((0, 40 * MINUTE), 0), ((2, 40 * MINUTE), 40 * MINUTE)]
)
def test_a_position_in_the_first_minute_is_sent_and_what_becomes_of_it_is_told(
    plex: FakePlex, backend: Plex, film: Title, fate: str, before: tuple[int, int | None], left: int
) -> None:
    plex.first_minute = fate
    holds(film, *before)
    shown = backend.push(target(film), progress(30_000))
    assert shown.position_ms == {"kept": 30_000, "ignored": left, "cleared": 0}[fate]
    assert shown.position_ms == (held(film)[1] or 0)
    assert shown.play_count == before[0]


@pytest.mark.parametrize("zero_clears", [True, False])
def test_clearing_a_position_keeps_the_mark(
    plex: FakePlex, backend: Plex, film: Title, zero_clears: bool
) -> None:
    plex.zero_clears = zero_clears
    holds(film, 2, 40 * MINUTE)
    shown = backend.push(target(film), progress(0))
    # Where a stop at 0 means nothing, only one more play clears it.
    assert shown == RemoteState(
        watched=True, position_ms=0, play_count=2 if zero_clears else 3, last_played_at=ARRIVAL
    )


def test_clearing_the_position_of_an_unwatched_film(
    plex: FakePlex, backend: Plex, film: Title
) -> None:
    holds(film, 0, 40 * MINUTE)
    assert backend.push(target(film), progress(0)) == RemoteState(watched=False)
    assert verbs(plex) == ["unscrobble"]


def test_clearing_what_has_no_position_sends_nothing(
    plex: FakePlex, backend: Plex, film: Title
) -> None:
    backend.push(target(film), progress(0))
    assert verbs(plex) == []


def test_without_a_length_of_plex_the_known_one_is_sent(plex: FakePlex, backend: Plex) -> None:
    film = plex.add_movie("Not analysed", minutes=0)
    assert backend.push(target(film), progress(10 * MINUTE)).position_ms == 10 * MINUTE
    assert plex.writes()[0].query["duration"] == str(LENGTH)


def test_without_any_length_a_position_is_refused(plex: FakePlex, backend: Plex) -> None:
    film = plex.add_movie("Not analysed", minutes=0)
    with pytest.raises(Rejected, match="nobody knows that of “Not analysed”"):
        backend.push(target(film), wanted("progress_update", position_ms=MINUTE))
    assert plex.writes() == []


def test_an_answer_without_an_effect_is_not_believed(
    plex: FakePlex, backend: Plex, film: Title
) -> None:
    plex.ignores_changes = True
    for change in (mark(), progress(10 * MINUTE)):
        with pytest.raises(ServerTrouble, match="then did not show it"):
            backend.push(target(film), change)


def test_each_person_has_their_own_state(plex: FakePlex, open_plex: Open, film: Title) -> None:
    open_plex(signed_in(plex, BOB)).push(target(film), mark())
    open_plex().push(target(film), progress(10 * MINUTE))
    assert (held(film, ALICE), held(film, BOB)) == ((0, 10 * MINUTE), (1, None))


@pytest.mark.parametrize("remote_id", ["99", "", "x", "movie:1", "1/../2", "1,2"])
def test_a_number_that_is_not_there_is_not_on_the_server(
    backend: Plex, film: Title, remote_id: str
) -> None:
    for ask in (backend.state, lambda target: backend.push(target, mark())):
        with pytest.raises(NotOnServer):
            ask(target(film, remote_id=remote_id))


def test_after_setting_up_anew_no_other_title_is_written_to(
    plex: FakePlex, backend: Plex, film: Title
) -> None:
    before = target(film, path=film.files[0], external_ids={"imdb": "tt1727587"})
    plex.set_up_anew()
    other = plex.add_movie("Tears of Steel", guids=["imdb://tt2285752"])
    assert other.key == film.key
    with pytest.raises(NotOnServer, match="another title under this number"):
        backend.push(before, mark())
    assert held(other) == (0, None)


def test_a_film_with_another_file_is_the_same_by_its_ids(
    plex: FakePlex, backend: Plex, film: Title
) -> None:
    before = target(film, path=film.files[0], external_ids={"imdb": "tt1727587"})
    film.files = ["/films/Sintel (4K).mkv"]
    assert backend.push(before, mark()).watched


def test_a_film_that_plex_took_for_another_is_the_same_by_its_file(
    backend: Plex, film: Title
) -> None:
    before = target(film, path=film.files[0], external_ids={"imdb": "tt1727587"})
    film.guids = ["imdb://tt0000001"]
    assert backend.push(before, mark()).watched


def test_an_episode_is_not_a_film(plex: FakePlex, backend: Plex, film: Title) -> None:
    with pytest.raises(NotOnServer):
        backend.push(Target(remote_id=str(film.key), kind="episode"), mark())


def test_what_was_watched_there_is_what_was_pushed_there(
    plex: FakePlex, backend: Plex, film: Title
) -> None:
    plex.stop_at(film, 20 * MINUTE)
    assert backend.state(target(film)) == RemoteState(
        watched=False, position_ms=20 * MINUTE, play_count=0, last_played_at=ARRIVAL
    )
    plex.now = lambda: ARRIVAL + timedelta(hours=1)
    shown = backend.push(target(film), progress(30 * MINUTE))
    (page,) = backend.library()
    assert page.items[0].state == shown == backend.state(target(film))


def test_explaining_makes_no_call_and_tells_no_secret(
    plex: FakePlex, backend: Plex, film: Title
) -> None:
    lines = backend.explain(target(film), progress(95 * MINUTE, True))
    assert plex.lines() == plex.tv.lines() == []
    assert [" ".join(line.split("?")[0].split()[:2]) for line in lines] == [
        "GET /library/metadata/1",
        "GET /:/prefs/get",
        "PUT /:/scrobble",
        "POST /:/timeline",
        "GET /library/metadata/1",
        "POST /:/timeline",
    ]
    assert "time=5399000&duration=6000000" in lines[3]
    assert "time=3899000&duration=6000000" in lines[5]
    assert "server-" not in "".join(lines)


@pytest.mark.parametrize(
    "change",
    [mark(), unmark(), progress(10 * MINUTE, True), progress(95 * MINUTE), progress(0, False)],
)
def test_what_is_explained_is_what_is_sent(
    plex: FakePlex, backend: Plex, film: Title, change: Wanted
) -> None:
    holds(film, 1 if change.watched is False else 0)
    explained = explained_lines(backend, film, change, unless_plex_does_otherwise=True)
    backend.push(target(film), change)
    assert sent_lines(plex) == explained


@pytest.mark.parametrize("before", [(0, None), (0, 40 * MINUTE), (2, None), (2, 40 * MINUTE)])
@pytest.mark.parametrize("credits_at", [0.1, 0.8, 1.0])
@pytest.mark.parametrize(
    "change", [progress(0), progress(30_000), progress(10 * MINUTE, True), progress(85 * MINUTE)]
)
def test_nothing_is_sent_that_was_not_explained(
    plex: FakePlex,
    backend: Plex,
    film: Title,
    change: Wanted,
    credits_at: float,
    before: tuple[int, int | None],
) -> None:
    """Whatever Plex shows before, and makes of a position."""
    film.credits_at = credits_at
    holds(film, *before)
    explained = explained_lines(backend, film, change)
    with suppress(Rejected):
        backend.push(target(film), change)
    assert set(sent_lines(plex)) <= set(explained)


def explained_lines(
    backend: Plex, title: Title, change: Wanted, *, unless_plex_does_otherwise: bool = False
) -> list[str]:
    lines = backend.explain(target(title), change)
    if unless_plex_does_otherwise:
        lines = [
            line for line in lines if "(if Plex " not in line and "has a position)" not in line
        ]
    return [line.partition("  (")[0] for line in lines]


def sent_lines(plex: FakePlex) -> list[str]:
    return [f"{one.request.method} {one.request.target}" for one in plex.exchanges]
