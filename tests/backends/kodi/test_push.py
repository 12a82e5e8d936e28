"""Pushing a change: Kodi's registers are independent, its ids reused, and its OK means little."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mydia_web.backends.errors import NotOnServer, Rejected, ServerTrouble
from mydia_web.backends.kodi import Kodi
from mydia_web.backends.values import ChangeKind, Connection, RemoteState, Target, Wanted
from tests.fakes.kodi import FakeKodi
from tests.fakes.kodi_library import Video

CLICK = datetime(2026, 11, 21, 20, 30, 15, 999_000, tzinfo=UTC)
IN_NEW_YORK = "2026-11-21 15:30:15"


@pytest.fixture
def film(kodi: FakeKodi) -> Video:
    return kodi.add_movie("Sintel", year=2010, imdb="tt1727587", minutes=15)


def target(video: Video, **other: Any) -> Target:
    return Target(
        **{"remote_id": f"{video.kind}:{video.id}", "kind": video.kind, "path": video.file, **other}
    )


def wanted(change_type: ChangeKind, at: datetime = CLICK, **state: Any) -> Wanted:
    return Wanted(change_type=change_type, at=at, **state)


def state_of(video: Video) -> tuple[int, str, float, float]:
    return video.playcount, video.lastplayed, video.position, video.total


def test_a_film_marked_watched_gets_the_date_of_the_click(backend: Kodi, film: Video) -> None:
    shown = backend.push(target(film), wanted("mark_watched"))
    assert state_of(film) == (1, IN_NEW_YORK, 0, 0)
    assert shown == RemoteState(
        watched=True, position_ms=0, play_count=1, last_played_at=CLICK.replace(microsecond=0)
    )


def test_marking_watched_clears_the_resume_point(kodi: FakeKodi, backend: Kodi) -> None:
    film = kodi.add_movie("Sintel", minutes=15, position=300)
    backend.push(target(film), wanted("mark_watched"))
    assert state_of(film) == (1, IN_NEW_YORK, 0, 0)


def test_marking_watched_keeps_the_number_of_plays(kodi: FakeKodi, backend: Kodi) -> None:
    film = kodi.add_movie("Sintel", playcount=3, lastplayed="2020-01-01 00:00:00")
    backend.push(target(film), wanted("mark_watched"))
    assert (film.playcount, film.lastplayed) == (3, IN_NEW_YORK)


def test_a_push_is_read_back_in_the_same_request(
    kodi: FakeKodi, backend: Kodi, film: Video
) -> None:
    backend.push(target(film), wanted("mark_watched"))
    assert [request.method for request in kodi.requests[-3:]] == [
        "VideoLibrary.GetMovieDetails",
        "VideoLibrary.SetMovieDetails",
        "VideoLibrary.GetMovieDetails",
    ]
    assert len(kodi.headers) == 3  # clock with zone, read, write with read


@pytest.mark.parametrize("change_type", ["mark_watched", "mark_unwatched", "progress_update"])
def test_a_push_that_is_repeated_writes_once(
    kodi: FakeKodi, backend: Kodi, film: Video, change_type: ChangeKind
) -> None:
    film.played.playcount = 2
    change = wanted(change_type, position_ms=200_000, duration_ms=900_000)
    assert backend.push(target(film), change) == backend.push(target(film), change)
    assert len(kodi.writes()) == 1


def test_marking_unwatched_clears_everything(kodi: FakeKodi, backend: Kodi) -> None:
    show = kodi.add_show("Harbour Lights")
    episode = kodi.add_episode(
        show, 1, 1, playcount=2, lastplayed="2026-01-02 03:04:05", position=60
    )
    shown = backend.push(target(episode), wanted("mark_unwatched"))
    assert state_of(episode) == (0, "", 0, 0)
    assert shown == RemoteState(watched=False)


def test_a_position_is_stored_with_its_total_and_its_date(backend: Kodi, film: Video) -> None:
    shown = backend.push(
        target(film), wanted("progress_update", position_ms=754_500, duration_ms=888_000)
    )
    assert state_of(film) == (0, IN_NEW_YORK, 754, 888)
    assert shown == RemoteState(
        watched=False,
        position_ms=754_000,
        play_count=0,
        last_played_at=CLICK.replace(microsecond=0),
    )


def test_without_a_duration_the_total_is_the_runtime(backend: Kodi, film: Video) -> None:
    backend.push(target(film), wanted("progress_update", position_ms=60_000))
    assert (film.position, film.total) == (60, 900)


def test_a_position_after_the_end_is_the_end(backend: Kodi, film: Video) -> None:
    backend.push(
        target(film), wanted("progress_update", position_ms=9_000_000, duration_ms=900_000)
    )
    assert (film.position, film.total) == (900, 900)


def test_a_position_of_zero_clears_the_resume_point(kodi: FakeKodi, backend: Kodi) -> None:
    film = kodi.add_movie("Sintel", minutes=15, position=300)
    backend.push(target(film), wanted("progress_update", position_ms=0))
    assert (film.position, film.total) == (0, 0)


@pytest.mark.parametrize(
    ("watched", "before", "after"), [(None, 2, 2), (None, 0, 0), (True, 0, 1), (True, 3, 3)]
)
def test_a_position_leaves_the_mark_alone_or_brings_it(
    kodi: FakeKodi, backend: Kodi, watched: bool | None, before: int, after: int
) -> None:
    film = kodi.add_movie("Sintel", minutes=15, playcount=before)
    backend.push(target(film), wanted("progress_update", watched=watched, position_ms=60_000))
    assert (film.playcount, film.position) == (after, 60)
    assert len(kodi.writes()) == 1


def test_an_old_position_does_not_take_back_a_later_date(kodi: FakeKodi, backend: Kodi) -> None:
    film = kodi.add_movie("Sintel", minutes=15, lastplayed="2026-11-21 19:00:00")
    backend.push(target(film), wanted("progress_update", position_ms=60_000))
    assert (film.position, film.lastplayed) == (60, "2026-11-21 19:00:00")


def test_nothing_is_written_over_what_is_being_played(
    kodi: FakeKodi, backend: Kodi, film: Video
) -> None:
    kodi.play(film)
    with pytest.raises(
        ServerTrouble, match="“Sintel” is being played there now; trying again later"
    ):
        backend.push(target(film), wanted("progress_update", position_ms=60_000))
    assert not kodi.writes()
    backend.push(target(film), wanted("mark_watched"))
    assert film.watched


def test_another_film_being_played_is_no_hindrance(
    kodi: FakeKodi, backend: Kodi, film: Video
) -> None:
    kodi.play(kodi.add_movie("Big Buck Bunny"))
    backend.push(target(film), wanted("progress_update", position_ms=60_000))
    assert film.position == 60


def test_two_episodes_in_one_file_are_played_together(kodi: FakeKodi, backend: Kodi) -> None:
    show = kodi.add_show("Harbour Lights")
    first, second = (kodi.add_episode(show, 1, n, file="/shows/double.mkv") for n in (1, 2))
    kodi.play(first)
    with pytest.raises(ServerTrouble, match="being played"):
        backend.push(target(second), wanted("progress_update", position_ms=60_000))


def test_an_id_that_now_means_another_film_is_not_written_to(
    kodi: FakeKodi, backend: Kodi, film: Video
) -> None:
    before = target(film)
    kodi.remove(film)
    other = kodi.add_movie("Tears of Steel")
    assert other.id == film.id
    with pytest.raises(
        NotOnServer, match=r"“Sintel \(2010\).mkv” is not in Kodi's library any more"
    ):
        backend.push(before, wanted("mark_watched"))
    assert not other.watched


def test_a_film_with_a_new_id_is_found_by_its_file(
    kodi: FakeKodi, backend: Kodi, film: Video
) -> None:
    before = target(film)
    kodi.remove(film)
    kodi.add_movie("Tears of Steel")
    again = kodi.add_movie("Sintel", file=film.file)
    backend.push(before, wanted("mark_watched"))
    assert again.watched
    assert kodi.asked("VideoLibrary.SetMovieDetails")[0]["movieid"] == again.id == 2


def test_an_unknown_id_is_found_by_its_file(backend: Kodi, film: Video) -> None:
    for remote_id in ("movie:99", "episode:1", "movie:x", "", "movie:0"):
        film.played.playcount = 0
        assert backend.push(target(film, remote_id=remote_id), wanted("mark_watched")).watched


def test_a_name_with_signs_of_sql_finds_only_itself(kodi: FakeKodi, backend: Kodi) -> None:
    other = kodi.add_movie("Other", file="/films/100X of.mkv")
    meant = kodi.add_movie("Meant", file="/films/100%_of.mkv")
    backend.push(target(meant, remote_id="movie:99"), wanted("mark_watched"))
    assert (other.watched, meant.watched) == (False, True)


def test_a_title_that_is_not_there_is_not_on_the_server(backend: Kodi, film: Video) -> None:
    for path in ("", "/films/gone.mkv", "gone.mkv"):
        with pytest.raises(NotOnServer):
            backend.push(
                Target(remote_id="movie:99", kind="movie", path=path), wanted("mark_watched")
            )


def test_without_a_path_the_ids_tell_whether_it_is_the_same_film(
    backend: Kodi, film: Video
) -> None:
    same = target(film, path="", external_ids={"imdb": "tt1727587"})
    other = target(film, path="", external_ids={"imdb": "tt2285752"})
    with pytest.raises(NotOnServer):
        backend.push(other, wanted("mark_watched"))
    assert backend.push(same, wanted("mark_watched")).watched


def test_an_ok_without_an_effect_is_not_believed(
    kodi: FakeKodi, backend: Kodi, film: Video
) -> None:
    kodi.ignores_changes = True
    with pytest.raises(ServerTrouble, match="but then did not show it"):
        backend.push(target(film), wanted("mark_watched"))


def test_a_locked_database_is_tried_again_later(kodi: FakeKodi, backend: Kodi, film: Video) -> None:
    kodi.fail_next(error=-32603, method="VideoLibrary.SetMovieDetails")
    with pytest.raises(ServerTrouble):
        backend.push(target(film), wanted("mark_watched"))
    assert backend.push(target(film), wanted("mark_watched")).watched


def test_a_film_removed_between_reading_and_writing_is_not_on_the_server(
    kodi: FakeKodi, backend: Kodi, film: Video
) -> None:
    kodi.fail_next(error=-32602, method="VideoLibrary.SetMovieDetails")
    with pytest.raises(NotOnServer):
        backend.push(target(film), wanted("mark_watched"))


def test_a_parameter_kodi_does_not_take_is_rejected(
    kodi: FakeKodi, backend: Kodi, film: Video
) -> None:
    refused = (
        '{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"Invalid params.",'
        '"data":{"stack":{"name":"movieid","message":"Invalid type string received"}}}}'
    )
    kodi.fail_next(200, refused, method="VideoLibrary.GetMovieDetails")
    with pytest.raises(Rejected, match="Invalid type string received"):
        backend.push(target(film), wanted("mark_watched"))


def test_what_was_watched_there_is_what_was_pushed_there(
    kodi: FakeKodi, backend: Kodi, film: Video
) -> None:
    kodi.play(film)
    kodi.stop(at_seconds=400)
    (page,) = backend.library()
    before = page.items[0].state
    assert before
    assert before.position_ms == 400_000
    moment = before.last_played_at or CLICK
    later = wanted(
        "progress_update", moment + timedelta(hours=1), position_ms=500_000, duration_ms=900_000
    )
    shown = backend.push(target(film), later)
    (page,) = backend.library()
    assert page.items[0].state == shown


def test_explaining_makes_no_call(kodi: FakeKodi, backend: Kodi, film: Video) -> None:
    lines = backend.explain(
        target(film), wanted("progress_update", position_ms=60_000, duration_ms=900_000)
    )
    assert not kodi.headers
    assert [line.split()[0] for line in lines] == [
        "VideoLibrary.GetMovieDetails",
        "Player.GetActivePlayers",
        "VideoLibrary.SetMovieDetails",
        "VideoLibrary.GetMovieDetails",
    ]
    assert '"resume": {"position": 60, "total": 900}' in lines[2]
    assert "lastplayed in UTC here" in lines[2]


def test_explaining_after_a_push_tells_the_date_kodi_will_get(backend: Kodi, film: Video) -> None:
    backend.push(target(film), wanted("mark_watched"))
    line = backend.explain(target(film), wanted("mark_watched"))[1]
    assert line == (
        'VideoLibrary.SetMovieDetails {"movieid": 1, "playcount": 1, '
        f'"lastplayed": "{IN_NEW_YORK}", "resume": {{"position": 0, "total": 0}}}}'
    )


def test_no_password_stands_in_an_explanation_or_a_repr(kodi: FakeKodi, film: Video) -> None:
    connection = Connection(kodi.url, credentials={"username": "kodi", "password": "hunter2"})
    lines = Kodi(connection).explain(target(film), wanted("mark_watched"))
    assert "hunter2" not in repr(connection) + "".join(lines)
