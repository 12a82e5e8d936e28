"""Pushing: plays are counted, so they are read first; a pause is a share, and never the end."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import pytest

from mydia_web.backends.errors import NotOnServer, Rejected, ServerTrouble, Unreachable
from mydia_web.backends.trakt import Trakt
from mydia_web.backends.values import ChangeKind, RemoteState, Target, Wanted
from tests.fakes.trakt import Exchange, FakeTrakt, Ticks
from tests.fakes.trakt_account import UNKNOWN
from tests.fakes.trakt_api import Reply
from tests.fakes.trakt_catalogue import Episode, Movie, Title

CLICK = datetime(2026, 11, 20, 20, 30, 15, 999_000, tzinfo=UTC)
SECOND = CLICK.replace(microsecond=0)
HALF_HOUR, HOUR = 30 * 60_000, 60 * 60_000


@pytest.fixture
def film(trakt: FakeTrakt) -> Movie:
    return trakt.add_movie("Sintel", year=2010, minutes=90, imdb="tt1727587")


@pytest.fixture
def pilot(trakt: FakeTrakt) -> Episode:
    show = trakt.add_show("Harbour Lights", imdb="tt9000001", tvdb=990001)
    return trakt.add_episode(show, 1, 1, "Pilot", minutes=45)


def target(title: Title, **other: Any) -> Target:
    return Target(**{"remote_id": title.remote_id, "kind": title.kind, **other})


def wanted(change_type: ChangeKind, at: datetime = CLICK, **state: Any) -> Wanted:
    return Wanted(change_type=change_type, at=at, **state)


def calls(trakt: FakeTrakt) -> list[str]:
    return [f"{one.method} {one.path.partition('?')[0]}" for one in trakt.exchanges]


def plays(trakt: FakeTrakt, title: Title) -> list[datetime]:
    return [play.watched_at for play in trakt.alice.plays_of(title)]


def test_a_play_is_added_with_the_date_of_the_click(
    trakt: FakeTrakt, backend: Trakt, film: Movie
) -> None:
    shown = backend.push(target(film), wanted("mark_watched"))
    assert plays(trakt, film) == [SECOND]
    assert shown == RemoteState(watched=True, position_ms=0, play_count=1, last_played_at=CLICK)
    assert calls(trakt) == [
        "GET /sync/history/movies/1",
        "GET /sync/playback/movies",
        "POST /sync/history",
    ]
    assert trakt.exchanges[-1].json == {
        "movies": [{"ids": {"trakt": 1}, "watched_at": "2026-11-20T20:30:15.000Z"}]
    }


def test_an_episode_is_marked_by_itself_and_never_its_show(
    trakt: FakeTrakt, backend: Trakt, pilot: Episode
) -> None:
    second = trakt.add_episode(pilot.show, 1, 2)
    backend.push(target(pilot), wanted("mark_watched"))
    assert (plays(trakt, pilot), plays(trakt, second)) == ([SECOND], [])
    assert list(trakt.exchanges[-1].json) == ["episodes"]


@pytest.mark.parametrize("change_type", ["mark_watched", "mark_unwatched", "progress_update"])
def test_a_push_that_is_repeated_writes_once(
    trakt: FakeTrakt, backend: Trakt, film: Movie, change_type: ChangeKind
) -> None:
    if change_type == "mark_unwatched":
        trakt.alice.watch(film, CLICK)
    change = wanted(change_type, position_ms=HALF_HOUR, duration_ms=90 * 60_000)
    first, again = backend.push(target(film), change), backend.push(target(film), change)
    assert len(trakt.writes()) == 1
    assert (first.watched, first.position_ms, first.play_count) == (
        again.watched,
        again.position_ms,
        again.play_count,
    )


@pytest.mark.parametrize("late", [timedelta(seconds=59), timedelta(seconds=-59)])
def test_a_play_of_the_same_minute_is_the_same_play(
    trakt: FakeTrakt, backend: Trakt, film: Movie, late: timedelta
) -> None:
    trakt.alice.watch(film, SECOND + late)
    assert backend.push(target(film), wanted("mark_watched")).play_count == 1
    assert trakt.writes() == []


def test_a_play_of_another_time_is_another_play(
    trakt: FakeTrakt, backend: Trakt, film: Movie
) -> None:
    trakt.alice.watch(film, SECOND - timedelta(hours=2))
    shown = backend.push(target(film), wanted("mark_watched"))
    assert (shown.play_count, len(plays(trakt, film))) == (2, 2)


def test_a_write_whose_answer_was_lost_is_found_when_repeated(
    trakt: FakeTrakt, backend: Trakt, film: Movie
) -> None:
    trakt.lose_next_answer("POST")
    with pytest.raises(Unreachable):
        backend.push(target(film), wanted("mark_watched"))
    assert backend.push(target(film), wanted("mark_watched")).play_count == 1
    assert plays(trakt, film) == [SECOND]


def test_an_old_play_is_found_among_many(trakt: FakeTrakt, backend: Trakt, film: Movie) -> None:
    trakt.routes.habits.page = 10
    for days in range(40):
        trakt.alice.watch(film, SECOND + timedelta(days=days - 35))
    shown = backend.push(target(film), wanted("mark_watched", CLICK - timedelta(days=20)))
    assert (shown.play_count, trakt.writes()) == (40, [])


def test_marking_watched_clears_the_pause(trakt: FakeTrakt, backend: Trakt, film: Movie) -> None:
    trakt.alice.pause(film, 40, SECOND + timedelta(days=1))
    shown = backend.push(target(film), wanted("mark_watched"))
    assert trakt.alice.pauses == []
    assert shown == RemoteState(watched=True, position_ms=0, play_count=1, last_played_at=CLICK)


def test_a_past_play_leaves_the_pause_alone(trakt: FakeTrakt, backend: Trakt, film: Movie) -> None:
    trakt.alice.pause(film, 40, SECOND + timedelta(days=1))
    shown = backend.push(target(film), wanted("mark_watched", watched=True, is_past_play=True))
    assert plays(trakt, film) == [SECOND]
    assert shown == RemoteState(
        watched=True,
        position_ms=36 * 60_000,
        play_count=1,
        last_played_at=SECOND + timedelta(days=1),
    )


def test_a_play_without_a_date_is_added_where_there_is_none(
    trakt: FakeTrakt, backend: Trakt, film: Movie
) -> None:
    change = wanted("mark_watched", datetime(1970, 1, 1, tzinfo=UTC), watched=True)
    assert backend.push(target(film), change) == RemoteState(
        watched=True, position_ms=0, play_count=1, last_played_at=None
    )
    assert backend.push(target(film), change) == RemoteState(
        watched=True, position_ms=0, play_count=1, last_played_at=None
    )
    assert plays(trakt, film) == [UNKNOWN]


@pytest.mark.parametrize("no_date", [UNKNOWN, None])
def test_a_play_without_a_date_has_none(
    trakt: FakeTrakt, backend: Trakt, film: Movie, no_date: datetime | None
) -> None:
    trakt.routes.habits.no_date = no_date
    trakt.alice.watch(film, UNKNOWN)
    assert backend.state(target(film)) == RemoteState(
        watched=True, position_ms=0, play_count=1, last_played_at=None
    )


def test_an_account_that_keeps_one_play_keeps_it(
    trakt: FakeTrakt, backend: Trakt, film: Movie
) -> None:
    trakt.alice.keeps_one_play = True
    before = SECOND - timedelta(days=9)
    trakt.alice.watch(film, before)
    assert backend.push(target(film), wanted("mark_watched")) == RemoteState(
        watched=True, position_ms=0, play_count=1, last_played_at=before
    )


def test_a_play_that_trakt_does_not_keep_is_no_success(
    trakt: FakeTrakt, backend: Trakt, film: Movie, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trakt.alice, "watch", lambda *_: 0)
    with pytest.raises(ServerTrouble, match="did not say that it keeps it"):
        backend.push(target(film), wanted("mark_watched"))


def test_unwatching_removes_all_plays_and_the_pause(
    trakt: FakeTrakt, backend: Trakt, pilot: Episode
) -> None:
    other = trakt.add_episode(pilot.show, 1, 2)
    for title in (pilot, pilot, other):
        trakt.alice.watch(title, SECOND - timedelta(days=len(trakt.alice.plays)))
    trakt.alice.pause(pilot, 20, SECOND)
    assert backend.push(target(pilot), wanted("mark_unwatched")) == RemoteState(watched=False)
    assert (plays(trakt, pilot), len(plays(trakt, other)), trakt.alice.pauses) == ([], 1, [])


def test_a_position_is_sent_as_a_share(trakt: FakeTrakt, backend: Trakt, film: Movie) -> None:
    shown = backend.push(
        target(film), wanted("progress_update", position_ms=HALF_HOUR, duration_ms=90 * 60_000)
    )
    assert trakt.writes()[0].json == {
        "movie": {"ids": {"trakt": 1}, "title": "Sintel", "year": 2010},
        "progress": 33.333,
    }
    assert trakt.alice.pauses[0].progress == 33.33
    assert abs(shown.position_ms - HALF_HOUR) < 600
    assert not shown.watched
    assert calls(trakt) == [
        "GET /sync/history/movies/1",
        "GET /sync/playback/movies",
        "GET /search/trakt/1",
        "POST /scrobble/pause",
        "GET /sync/playback/movies",
    ]


def test_an_episode_without_a_title_is_paused_by_its_number(
    trakt: FakeTrakt, backend: Trakt, pilot: Episode
) -> None:
    pilot.title = None
    backend.push(target(pilot), wanted("progress_update", position_ms=9 * 60_000))
    assert trakt.writes()[0].json == {"episode": {"ids": {"trakt": 1}}, "progress": 20.0}


@pytest.mark.parametrize("decimals", [0, 1, 6])
def test_a_position_that_reads_back_rounded_is_sent_once(
    trakt: FakeTrakt, backend: Trakt, film: Movie, decimals: int
) -> None:
    trakt.routes.habits.decimals = max(decimals, 1)
    change = wanted("progress_update", position_ms=2_345_678, duration_ms=90 * 60_000)
    backend.push(target(film), change)
    backend.push(target(film), change)
    assert len(trakt.writes()) == 1


def test_a_length_that_is_ours_alone_is_believed(
    trakt: FakeTrakt, backend: Trakt, film: Movie
) -> None:
    backend.push(
        target(film), wanted("progress_update", position_ms=HOUR, duration_ms=120 * 60_000)
    )
    backend.push(
        target(film), wanted("progress_update", position_ms=HOUR, duration_ms=90 * 60_000 + 40_000)
    )
    assert [one.json["progress"] for one in trakt.writes()] == [50.0, 66.667]


def test_a_position_without_any_length_is_refused_in_words(
    trakt: FakeTrakt, backend: Trakt
) -> None:
    film = trakt.add_movie("Home video", minutes=None)
    with pytest.raises(Rejected, match="nobody knows how long"):
        backend.push(target(film), wanted("progress_update", position_ms=HOUR))
    backend.push(target(film), wanted("progress_update", position_ms=HOUR, duration_ms=2 * HOUR))
    assert trakt.alice.pauses[0].progress == 50


@pytest.mark.parametrize("late_pause", ["refused", "taken for the end"])
@pytest.mark.parametrize("minutes", [72, 76, 89, 90, 200])
def test_an_unfinished_title_is_never_finished_by_a_position(
    trakt: FakeTrakt, backend: Trakt, film: Movie, late_pause: str, minutes: int
) -> None:
    trakt.routes.habits.late_pause = late_pause
    change = wanted("progress_update", position_ms=minutes * 60_000, duration_ms=90 * 60_000)
    assert not backend.push(target(film), change).watched
    assert (trakt.alice.plays, trakt.alice.pauses[0].progress) == ([], 79.9)


@pytest.mark.parametrize("position_ms", [0, 1, 53_000])
def test_a_position_at_the_start_clears_the_pause(
    trakt: FakeTrakt, backend: Trakt, film: Movie, position_ms: int
) -> None:
    trakt.alice.pause(film, 40, SECOND)
    shown = backend.push(target(film), wanted("progress_update", position_ms=position_ms))
    assert (trakt.alice.pauses, shown) == ([], RemoteState(watched=False))
    backend.push(target(film), wanted("progress_update", position_ms=position_ms))
    assert [one.method for one in trakt.writes()] == ["DELETE"]


def test_a_pause_that_is_gone_meanwhile_is_no_error(
    trakt: FakeTrakt, backend: Trakt, film: Movie, monkeypatch: pytest.MonkeyPatch
) -> None:
    trakt.alice.pause(film, 40, SECOND)
    monkeypatch.setattr(trakt.routes, "_unpause", lambda *_: Reply(404))
    assert backend.push(target(film), wanted("progress_update", position_ms=0)).position_ms == 0


def test_a_position_leaves_plays_alone(trakt: FakeTrakt, backend: Trakt, film: Movie) -> None:
    trakt.alice.watch(film, SECOND - timedelta(days=3))
    shown = backend.push(target(film), wanted("progress_update", position_ms=HALF_HOUR))
    assert (shown.watched, shown.play_count) == (True, 1)
    assert len(trakt.writes()) == 1


def test_a_rewatch_under_way_is_a_play_and_a_pause(
    trakt: FakeTrakt, backend: Trakt, film: Movie
) -> None:
    seen = SECOND - timedelta(days=3)
    change = wanted("progress_update", watched=True, watched_at=seen, position_ms=HALF_HOUR)
    shown = backend.push(target(film), change)
    assert (plays(trakt, film), shown.play_count, shown.watched) == ([seen], 1, True)
    assert abs(shown.position_ms - HALF_HOUR) < 600
    backend.push(target(film), change)
    assert len(trakt.writes()) == 2


def test_a_rewatch_of_what_is_watched_there_adds_no_play(
    trakt: FakeTrakt, backend: Trakt, film: Movie
) -> None:
    seen = SECOND - timedelta(days=3)
    trakt.alice.watch(film, seen)
    backend.push(target(film), wanted("progress_update", watched=True, position_ms=HALF_HOUR))
    assert plays(trakt, film) == [seen]


def test_a_position_of_something_unwatched_takes_the_plays_away(
    trakt: FakeTrakt, backend: Trakt, film: Movie
) -> None:
    trakt.alice.watch(film, SECOND)
    shown = backend.push(
        target(film), wanted("progress_update", watched=False, position_ms=HALF_HOUR)
    )
    assert (trakt.alice.plays, shown.watched) == ([], False)


def test_a_pause_left_over_from_before_the_last_play_is_none(
    trakt: FakeTrakt, backend: Trakt, film: Movie
) -> None:
    trakt.alice.pause(film, 33.333, SECOND - timedelta(days=1))
    trakt.alice.watch(film, SECOND)
    assert backend.state(target(film)) == RemoteState(
        watched=True, position_ms=0, play_count=1, last_played_at=SECOND
    )
    change = wanted("progress_update", position_ms=HALF_HOUR)
    assert backend.push(target(film), change).position_ms > 0
    assert trakt.alice.pauses[0].paused_at > SECOND - timedelta(hours=1)


def test_what_was_scrobbled_just_now_takes_no_pause(
    trakt: FakeTrakt, backend: Trakt, film: Movie
) -> None:
    trakt.alice.watch(film, SECOND)
    trakt.routes.scrobbled[film] = trakt.now() + timedelta(hours=1)
    shown = backend.push(target(film), wanted("progress_update", position_ms=HALF_HOUR))
    assert shown == RemoteState(watched=True, position_ms=0, play_count=1, last_played_at=SECOND)


def test_a_listing_that_lags_behind_is_not_believed_over_the_answer(
    trakt: FakeTrakt, backend: Trakt, film: Movie
) -> None:
    empty = {"X-Pagination-Item-Count": "0", "X-Pagination-Page-Count": "0"}
    backend.push(target(film), wanted("progress_update", position_ms=HALF_HOUR))
    told = {"id": 1, "action": "pause", "progress": 66.667}
    replies = (
        Reply(200, [], empty),
        Reply(200, [], empty),
        Reply(201, told),
        Reply(200, [], empty),
    )
    with trakt.answering(*replies):
        shown = backend.push(target(film), wanted("progress_update", position_ms=HOUR))
    assert abs(shown.position_ms - HOUR) < 600


def test_writes_keep_their_distance(
    trakt: FakeTrakt, backend: Trakt, film: Movie, ticks: Ticks
) -> None:
    trakt.alice.pause(film, 20, SECOND)
    for hours in range(3):
        backend.push(target(film), wanted("mark_watched", CLICK + timedelta(hours=hours)))
    assert len(trakt.writes()) == 4
    assert ticks.seconds >= 3
    assert all(one.status != 429 for one in trakt.exchanges)


@pytest.mark.parametrize("knows_unknown", [True, False])
@pytest.mark.parametrize("change_type", ["mark_watched", "mark_unwatched", "progress_update"])
def test_a_title_that_is_gone_is_not_on_the_server(
    trakt: FakeTrakt, backend: Trakt, film: Movie, change_type: ChangeKind, knows_unknown: bool
) -> None:
    trakt.routes.habits.knows_unknown = knows_unknown
    trakt.remove(film)
    with pytest.raises(NotOnServer, match="Trakt does not know this title any more"):
        backend.push(target(film), wanted(change_type, position_ms=HALF_HOUR))
    with pytest.raises(NotOnServer):
        backend.state(target(film))


def test_without_a_remote_id_the_title_is_found_first(
    trakt: FakeTrakt, backend: Trakt, film: Movie
) -> None:
    other = Target(remote_id="", kind="movie", external_ids={"imdb": "tt1727587"})
    assert backend.push(other, wanted("progress_update", position_ms=HALF_HOUR)).position_ms > 0
    assert len(trakt.exchanges) == 5  # what was learnt when it was found is not asked for again


def test_the_calls_are_named_without_being_made(
    trakt: FakeTrakt, backend: Trakt, film: Movie
) -> None:
    change = wanted("progress_update", watched=True, position_ms=HALF_HOUR)
    lines = backend.explain(target(film), change)
    assert trakt.exchanges == []
    assert lines == [
        "GET /sync/history/movies/1?page=1&limit=250&extended=full,images",
        "GET /sync/playback/movies?page=1&limit=250&extended=full,images",
        "GET /search/trakt/1?type=movie&extended=full,images"
        "  (if it was never played or paused there)",
        'POST /sync/history {"movies": [{"ids": {"trakt": 1}, "watched_at": "unknown"}]}'
        "  (unless this play is there)",
        'POST /scrobble/pause {"movie": {"ids": {"trakt": 1}}, "progress": "…"}'
        "  (unless it is paused there; from 1.0 to 79.9 per cent)",
        "GET /sync/playback/movies?page=1&limit=250&extended=full,images",
    ]
    start = backend.explain(
        target(film), wanted("progress_update", position_ms=1, duration_ms=1000)
    )
    assert start[3:] == ["DELETE /sync/playback/…  (if it is paused there)"]
    unmark = backend.explain(target(film), wanted("mark_unwatched"))
    assert unmark[3:] == [
        'POST /sync/history/remove {"movies": [{"ids": {"trakt": 1}}]}  (unless there is no play)',
        "DELETE /sync/playback/…  (if it is paused there)",
    ]


def test_a_title_that_is_to_be_found_first_is_explained_so(backend: Trakt) -> None:
    unknown = Target(
        remote_id="",
        kind="episode",
        show_external_ids={"imdb": "tt9000001"},
        season_number=0,
        episode_number=3,
    )
    lines = backend.explain(unknown, wanted("mark_watched", is_past_play=True))
    assert lines == [
        "GET /search/imdb/tt9000001?type=show&extended=full,images  (until one is found)",
        "GET /shows/…/seasons/0/episodes/3?extended=full,images  (if not found)",
        "GET /sync/history/episodes/…?page=1&limit=250&extended=full,images",
        "GET /sync/playback/episodes?page=1&limit=250&extended=full,images",
        'POST /sync/history {"episodes": [{"ids": {"trakt": 0}, '
        '"watched_at": "2026-11-20T20:30:15.000Z"}]}  (unless this play is there)',
    ]


@pytest.mark.parametrize("is_there", [True, False])
@pytest.mark.parametrize(
    "change",
    [
        wanted("mark_watched"),
        wanted("mark_unwatched"),
        wanted("progress_update", position_ms=HALF_HOUR, duration_ms=90 * 60_000),
        wanted("progress_update", watched=True, position_ms=HALF_HOUR, duration_ms=90 * 60_000),
        wanted("progress_update", position_ms=0),
    ],
)
def test_what_is_explained_is_what_is_sent(
    trakt: FakeTrakt, backend: Trakt, pilot: Episode, change: Wanted, is_there: bool
) -> None:
    """In that order, with each call whose condition holds; `is_there`: an old play and a pause."""
    unmet = {"if it is paused there", "unless there is no play"}
    if is_there:
        trakt.alice.watch(pilot, CLICK - timedelta(days=3))
        trakt.alice.pause(pilot, 20, CLICK - timedelta(days=1))
        unmet = {"if it was never played or paused there"}
        if change.watched:
            unmet.add("unless this play is there")  # one without a date: any will do
    explained = []
    for line in backend.explain(target(pilot), change):
        call, _, condition = line.partition("  (")
        if condition.rstrip(")") not in unmet:
            explained.append(call)
    backend.push(target(pilot), change)
    assert [explained_as(exchange) for exchange in trakt.exchanges] == explained


def explained_as(exchange: Exchange) -> str:
    """A request as a line of an explanation, which does not know the numbers of pauses."""
    path, _, query = exchange.path.partition("?")
    if exchange.method == "DELETE":
        path = "/sync/playback/…"
    line = f"{exchange.method} {path}"
    if query:
        line += f"?{unquote(query)}"
    if exchange.body:
        line += f" {json.dumps(exchange.json)}"
    return line
