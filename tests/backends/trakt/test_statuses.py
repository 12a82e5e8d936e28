"""Errors say what helps, what is being watched, and pictures come without the sign-in."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

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
from mydia_web.backends.trakt.api import Pace, pace_of
from mydia_web.backends.values import Artwork, Connection, Playing, ServerInfo, Target, Wanted
from mydia_web.sources.registry import KINDS
from tests.fakes.trakt import FakeTrakt, Ticks
from tests.fakes.trakt_account import Watching
from tests.fakes.trakt_api import Reply

Client = Callable[[Connection], Trakt]
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def test_trakt_names_itself(backend: Trakt) -> None:
    assert backend.check() == ServerInfo(
        product="Trakt", name="Trakt", version="API 2", server_id="trakt"
    )
    assert "trakt" in KINDS


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (400, Rejected, "status 400"),
        (403, SignInRefused, "its client ID is wrong, or it is the app of a free account.*VIP"),
        (404, ServerTrouble, "not as Trakt does"),
        (405, Rejected, "status 405"),
        (412, Rejected, "status 412"),
        (420, SignInRefused, "reached one of its limits"),
        (422, Rejected, "status 422.: .*no such day"),
        (423, SignInRefused, "locked"),
        (426, SignInRefused, "VIP"),
        (500, ServerTrouble, "trouble of its own"),
        (503, ServerTrouble, "trouble of its own"),
        (522, ServerTrouble, "trouble of its own"),
        (302, ServerTrouble, "not followed"),
    ],
)
def test_a_status_in_words(
    trakt: FakeTrakt, backend: Trakt, status: int, error: type[BackendError], words: str
) -> None:
    with (
        trakt.answering(Reply(status, {"message": "no such day"})),
        pytest.raises(error, match=words) as raised,
    ):
        backend.check()
    assert type(raised.value) is error
    assert "access-token" not in str(raised.value)


@pytest.mark.parametrize(("headers", "seconds"), [({"Retry-After": "17"}, 17), ({}, 60)])
def test_trakt_may_ask_to_wait(
    trakt: FakeTrakt, backend: Trakt, headers: dict[str, str], seconds: int
) -> None:
    reply = Reply(429, b"<html>", {"Content-Type": "text/html", **headers})
    with trakt.answering(reply), pytest.raises(RateLimited) as raised:
        backend.check()
    assert raised.value.retry_after == seconds


@pytest.mark.parametrize("body", [b"<html></html>", b"", b"[]", b'{"user": null}', b'{"user": {}}'])
def test_another_server_is_not_taken_for_trakt(
    trakt: FakeTrakt, backend: Trakt, body: bytes
) -> None:
    with (
        trakt.answering(Reply(200, body, {"Content-Type": "application/json"})),
        pytest.raises(ServerTrouble),
    ):
        backend.check()


def test_nothing_answers(client: Client, connection: Connection) -> None:
    with pytest.raises(Unreachable, match="on the internet"):
        client(replace(connection, base_url="http://127.0.0.1:9")).check()


def test_what_a_server_repeats_of_a_secret_is_not_shown(
    trakt: FakeTrakt, backend: Trakt, connection: Connection
) -> None:
    secrets = [value for name, value in connection.credentials.items() if name != "client_id"]
    for status in (400, 422):
        with (
            trakt.answering(Reply(status, {"message": " ".join(secrets)})),
            pytest.raises(Rejected) as raised,
        ):
            backend.check()
        assert not [
            name for name in ("access", "refresh", "secret-of") if name in str(raised.value)
        ]


def test_two_clients_of_an_account_share_its_pace(trakt: FakeTrakt, connection: Connection) -> None:
    first, second = Trakt(connection), Trakt(connection)
    other = Trakt(replace(connection, remote_user_id="uuid-of-bob"))
    assert first._api._pace is second._api._pace
    assert first._api._pace is not other._api._pace
    assert pace_of("a") is pace_of("a")
    for backend in (first, second, other):
        backend.close()


def test_who_does_not_keep_the_distance_is_refused(
    trakt: FakeTrakt, connection: Connection
) -> None:
    """The fake enforces its limit, so the tests of our pace mean something."""
    film = trakt.add_movie("Sintel")
    stands_still = Ticks()
    backend = Trakt(connection, pace=Pace(monotonic=stands_still.monotonic, sleep=lambda _: None))
    trakt.alice.pause(film, 20, trakt.now())
    with pytest.raises(RateLimited):
        backend.push(
            Target(remote_id="movie:1", kind="movie"),
            Wanted(change_type="mark_watched", at=trakt.now()),
        )
    backend.close()


def test_nobody_watches(backend: Trakt) -> None:
    assert backend.playing() == ()


def test_what_is_being_watched_is_told(trakt: FakeTrakt, backend: Trakt) -> None:
    film = trakt.add_movie("Sintel", minutes=90)
    now = trakt.now()
    trakt.alice.watching = Watching(film, now - timedelta(minutes=30), now + timedelta(minutes=60))
    (playing,) = backend.playing()
    assert abs(playing.position_ms - 30 * 60_000) < 5_000
    assert replace(playing, position_ms=0) == Playing(
        remote_id="movie:1",
        title="Sintel",
        remote_user_id="uuid-of-alice",
        position_ms=0,
        duration_ms=90 * 60_000,
    )


def test_an_episode_of_unknown_length_ends_when_trakt_says(
    trakt: FakeTrakt, backend: Trakt
) -> None:
    episode = trakt.add_episode(trakt.add_show("Harbour Lights"), 1, 1, "Pilot", minutes=None)
    now = trakt.now().replace(microsecond=0)
    trakt.alice.watching = Watching(
        episode, now - timedelta(minutes=90), now - timedelta(minutes=60)
    )
    (playing,) = backend.playing()
    assert (playing.remote_id, playing.duration_ms, playing.position_ms) == (
        "episode:1",
        30 * 60_000,
        30 * 60_000,
    )


def test_a_picture_is_fetched_without_the_sign_in(trakt: FakeTrakt, backend: Trakt) -> None:
    trakt.pictures["/images/movies/1/poster.png"] = PNG, "image/png"
    assert backend.artwork(f"{trakt.url}/images/movies/1/poster.png") == Artwork(PNG, "image/png")
    headers = {name.lower() for name in trakt.exchanges[0].headers}
    assert not headers & {"authorization", "trakt-api-key"}


def test_a_picture_that_is_gone_is_not_on_the_server(trakt: FakeTrakt, backend: Trakt) -> None:
    with trakt.answering(Reply(404)), pytest.raises(NotOnServer):
        backend.artwork(f"{trakt.url}/images/gone.png")


@pytest.mark.parametrize(
    "url",
    [
        "http://media.trakt.tv/x.png",
        "https://trakt.tv.example/x.png",
        "https://eviltrakt.tv/x.png",
        "http://127.0.0.1/x.png",
        "https://media.trakt.tv@127.0.0.1/x.png",
        "file:///etc/passwd",
        "/x.png",
        "",
    ],
)
def test_a_picture_from_elsewhere_is_not_fetched(backend: Trakt, url: str) -> None:
    with pytest.raises(Rejected, match="not the address of a picture at Trakt"):
        backend.artwork(url)
