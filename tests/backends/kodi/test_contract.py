"""Our calls and our fake, held against Kodi's own description of its methods."""

from datetime import UTC, datetime

import pytest

from mydia_web.backends.kodi import Kodi
from mydia_web.backends.values import Target, Wanted
from tests.backends.kodi import contract
from tests.fakes.kodi import FakeKodi
from tests.fakes.kodi_methods import METHODS, call

pytestmark = pytest.mark.skipif(bool(contract.missing()), reason=contract.missing() or "present")


def test_every_call_we_make_is_one_that_kodi_describes(kodi: FakeKodi, backend: Kodi) -> None:
    film = kodi.add_movie("Sintel", minutes=15)
    episode = kodi.add_show("Harbour Lights", episodes=1).episodes[0]
    backend.check()
    list(backend.library())
    for video in (film, episode):
        for remote_id in (f"{video.kind}:{video.id}", f"{video.kind}:99"):
            target = Target(remote_id=remote_id, kind=video.kind, path=video.file)
            for change_type in ("progress_update", "mark_watched", "mark_unwatched"):
                kodi.play(kodi.add_movie("Another"))
                at = datetime(2026, 11, 21, tzinfo=UTC)
                backend.push(
                    target,
                    Wanted(change_type=change_type, at=at, position_ms=60_500, duration_ms=900_000),
                )
    backend.playing()
    # Shows are asked for one by one while listening: test_listening.py.
    assert {request.method for request in kodi.requests} == METHODS.keys() - {
        "VideoLibrary.GetTVShowDetails"
    }
    for request in kodi.requests:
        assert contract.faults_of_call(request.method, request.params) == []


def test_every_answer_of_the_fake_is_one_that_kodi_describes(kodi: FakeKodi, backend: Kodi) -> None:
    film = kodi.add_movie("Sintel", year=2010, minutes=15, imdb="tt1727587", position=60)
    kodi.add_show("Harbour Lights", episodes=2, tvdb="990001")
    kodi.play(film)
    list(backend.library())
    backend.push(
        Target(remote_id="movie:1", kind="movie", path=film.file),
        Wanted(change_type="mark_watched", at=datetime(2026, 11, 21, tzinfo=UTC)),
    )
    backend.check()
    assert backend.playing()
    for request in list(kodi.requests):
        answer = call(kodi, request.method, request.params)
        assert contract.faults_of_answer(request.method, answer) == []


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("VideoLibrary.GetMovie", {}),
        ("VideoLibrary.SetMovieDetails", {"movieid": "3"}),
        ("VideoLibrary.SetMovieDetails", {"playcount": 1}),
        ("VideoLibrary.SetMovieDetails", {"movieid": 3, "resume": {"position": -1}}),
        ("VideoLibrary.SetMovieDetails", {"movieid": 3, "resume": {"position": 1, "percent": 1}}),
        ("VideoLibrary.SetMovieDetails", {"movieid": 3, "watched": True}),
        ("VideoLibrary.SetMovieDetails", {"movieid": True}),
        ("VideoLibrary.GetMovies", {"properties": ["titel"]}),
        ("VideoLibrary.GetMovies", {"filter": {"field": "filename", "value": "a"}}),
        ("VideoLibrary.GetMovies", {"filter": {"and": []}}),
        ("VideoLibrary.GetMovies", {"limits": {"start": -1}}),
    ],
)
def test_the_checker_finds_what_is_wrong(method: str, params: dict[str, object]) -> None:
    assert contract.faults_of_call(method, params)
