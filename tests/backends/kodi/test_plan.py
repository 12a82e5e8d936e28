"""The calls of a push, planned without any Kodi, and that explaining and pushing hold to them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from mydia_web.backends.kodi import Kodi
from mydia_web.backends.kodi.mapping import PlayedItem, Resume, Video
from mydia_web.backends.kodi.plan import Shown, is_confirmed, number_of, plan, plan_unread
from mydia_web.backends.kodi.rpc import RpcCall
from mydia_web.backends.kodi.zone import KodiTime
from mydia_web.backends.values import ChangeKind, RemoteState, Target, Wanted
from tests.fakes.kodi import FakeKodi

CLICK = datetime(2026, 11, 21, 20, 30, 15, tzinfo=UTC)
TIME = KodiTime(ZoneInfo("America/New_York"), CLICK)
#: The moment of the click, an hour before it and an hour after it, in New York.
LOCAL = "2026-11-21 15:30:15"
EARLIER = "2026-11-21 14:30:15"
LATER = "2026-11-21 16:30:15"

UNSEEN = Video(title="Sintel", file="/films/Sintel.mkv", runtime=900)
SEEN = UNSEEN.model_copy(update={"playcount": 3, "lastplayed": EARLIER})
HALF_SEEN = UNSEEN.model_copy(
    update={"lastplayed": EARLIER, "resume": Resume(position=300.0, total=900.0)}
)
PLAYED_LATER = UNSEEN.model_copy(update={"lastplayed": LATER})
WITHOUT_LENGTH = Video(title="Sintel", file="/films/Sintel.mkv")
CLEARED = {"position": 0, "total": 900}


def shown(video: Video, **more: Any) -> Shown:
    return Shown(kind="movie", number=7, video=video, **more)


def wanted(change_type: ChangeKind, **state: Any) -> Wanted:
    return Wanted(change_type=change_type, at=CLICK, **state)


def at(position_ms: int | None, **state: Any) -> Wanted:
    return wanted("progress_update", position_ms=position_ms, **state)


@pytest.mark.parametrize(
    ("video", "change", "settings"),
    [
        (
            UNSEEN,
            wanted("mark_watched"),
            {"playcount": 1, "lastplayed": LOCAL, "resume": CLEARED},
        ),
        (SEEN, wanted("mark_watched"), {"playcount": 3, "lastplayed": LOCAL, "resume": CLEARED}),
        (
            HALF_SEEN,
            wanted("mark_watched"),
            {"playcount": 1, "lastplayed": LOCAL, "resume": CLEARED},
        ),
        (
            PLAYED_LATER,
            wanted("mark_watched"),
            {"playcount": 1, "lastplayed": LOCAL, "resume": CLEARED},
        ),
        (SEEN, wanted("mark_unwatched"), {"playcount": 0, "lastplayed": "", "resume": CLEARED}),
        (
            HALF_SEEN,
            wanted("mark_unwatched"),
            {"playcount": 0, "lastplayed": "", "resume": CLEARED},
        ),
        (UNSEEN, at(60_500), {"lastplayed": LOCAL, "resume": {"position": 60, "total": 900}}),
        (HALF_SEEN, at(0), {"lastplayed": LOCAL, "resume": CLEARED}),
        (
            UNSEEN,
            at(60_000, duration_ms=888_000),
            {"lastplayed": LOCAL, "resume": {"position": 60, "total": 888}},
        ),
        (UNSEEN, at(9_000_000), {"lastplayed": LOCAL, "resume": {"position": 900, "total": 900}}),
        (
            WITHOUT_LENGTH,
            at(9_000_000),
            {"lastplayed": LOCAL, "resume": {"position": 9000, "total": 0}},
        ),
        (PLAYED_LATER, at(60_000), {"lastplayed": LATER, "resume": {"position": 60, "total": 900}}),
        (
            SEEN,
            at(60_000, watched=True),
            {"lastplayed": LOCAL, "playcount": 3, "resume": {"position": 60, "total": 900}},
        ),
        (SEEN, at(None, watched=False), {"lastplayed": LOCAL, "playcount": 0}),
        (SEEN, at(None), {"lastplayed": LOCAL}),
    ],
)
def test_a_change_is_one_write_that_is_read_back(
    video: Video, change: Wanted, settings: dict[str, Any]
) -> None:
    write, read = plan(shown(video), change, TIME)
    assert (write.method, write.params) == (
        "VideoLibrary.SetMovieDetails",
        {"movieid": 7, **settings},
    )
    assert (read.method, read.params["movieid"]) == ("VideoLibrary.GetMovieDetails", 7)


@pytest.mark.parametrize(
    ("video", "change"),
    [
        (SEEN.model_copy(update={"lastplayed": LOCAL}), wanted("mark_watched")),
        (UNSEEN, wanted("mark_unwatched")),
        (HALF_SEEN.model_copy(update={"lastplayed": LOCAL}), at(300_900)),
        (HALF_SEEN.model_copy(update={"lastplayed": LATER}), at(300_000)),
    ],
)
def test_nothing_is_sent_for_what_is_shown_already(video: Video, change: Wanted) -> None:
    assert plan(shown(video), change, TIME) == []
    assert plan(shown(video, is_read=False), change, TIME)


@pytest.mark.parametrize(
    ("change", "is_shown"),
    [
        ({"playcount": 1, "lastplayed": LOCAL}, True),
        ({"playcount": 1, "lastplayed": LOCAL, "resume": Resume(position=0.9)}, True),
        ({"playcount": 1, "lastplayed": LOCAL, "resume": Resume(position=1.0)}, False),
        ({"playcount": 1, "lastplayed": EARLIER}, False),
        ({"playcount": 0, "lastplayed": LOCAL}, False),
    ],
)
def test_a_write_is_confirmed_by_what_is_read_back(change: dict[str, Any], is_shown: bool) -> None:
    write, _ = plan(shown(UNSEEN), wanted("mark_watched"), TIME)
    assert is_confirmed(write, UNSEEN.model_copy(update=change)) is is_shown


@pytest.mark.parametrize(
    ("remote_id", "number"),
    [
        ("movie:7", 7),
        ("episode:7", None),
        ("movie:", None),
        ("movie:x", None),
        ("movie:0", None),
        ("movie:-7", None),
        ("7", None),
        ("", None),
    ],
)
def test_a_number_is_taken_from_an_id_of_its_kind(remote_id: str, number: int | None) -> None:
    assert number_of(Target(remote_id=remote_id, kind="movie")) == number


@pytest.mark.parametrize(
    ("item", "is_playing"),
    [
        (PlayedItem(type="movie", id=7), True),
        (PlayedItem(type="movie", id=8, file=UNSEEN.file), True),
        (PlayedItem(type="episode", id=7), False),
        (PlayedItem(type="movie", id=8, file="/films/Other.mkv"), False),
        (PlayedItem(), False),
    ],
)
def test_a_title_plays_under_its_id_or_its_file(item: PlayedItem, is_playing: bool) -> None:
    assert shown(UNSEEN, playing=[item]).is_playing is is_playing


def test_without_a_file_only_the_id_tells_what_plays() -> None:
    assert not shown(Video(title="Sintel"), playing=[PlayedItem(type="unknown")]).is_playing


@pytest.mark.parametrize("change", [wanted("mark_watched"), at(60_000, duration_ms=900_000)])
def test_what_was_last_heard_of_gives_the_plan_of_what_is_read(change: Wanted) -> None:
    last_heard = RemoteState(
        watched=True, position_ms=300_000, play_count=3, last_played_at=CLICK - timedelta(hours=1)
    )
    target = Target(remote_id="movie:7", kind="movie", path=UNSEEN.file, shown=last_heard)
    video = WITHOUT_LENGTH.model_copy(
        update={"playcount": 3, "lastplayed": EARLIER, "resume": Resume(position=300.0)}
    )
    reads = 2 if change.change_type == "progress_update" else 1
    assert plan_unread(target, change, TIME)[reads:] == plan(shown(video), change, TIME)


@pytest.mark.parametrize(
    "change", [wanted("mark_watched", duration_ms=900_000), at(60_000, duration_ms=900_000)]
)
def test_a_push_sends_exactly_what_is_explained(
    kodi: FakeKodi, backend: Kodi, change: Wanted
) -> None:
    film = kodi.add_movie("Sintel", minutes=15, playcount=3)
    target = Target(
        remote_id=f"movie:{film.id}",
        kind="movie",
        path=film.file,
        shown=RemoteState(watched=True, position_ms=0, play_count=3),
    )
    backend.state(target)
    explained = backend.explain(target, change)
    before = len(kodi.requests)
    backend.push(target, change)
    sent = [str(RpcCall(request.method, request.params)) for request in kodi.requests[before:]]
    assert sent == explained
