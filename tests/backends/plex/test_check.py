"""Testing a connection: what a person reads when the address, the token or the machine is wrong."""

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
from mydia_web.backends.plex import Plex
from mydia_web.backends.values import ServerInfo, Target, Wanted
from mydia_web.clock import now
from tests.backends.plex.conftest import Open
from tests.fakes.plex import FakePlex

FILM = Target(remote_id="1", kind="movie")


def test_a_plex_tells_its_name_its_version_and_what_it_calls_itself(
    plex: FakePlex, backend: Plex
) -> None:
    assert backend.check() == ServerInfo(
        product="Plex", name="Attic", version="1.43.0.10492", server_id=plex.machine_id
    )
    assert plex.lines() == ["GET /"]


@pytest.mark.parametrize(
    "ending", ["/", "/web", "/web/index.html#!/server/5ca1ab1e/details", "/web/index.html", "  "]
)
def test_an_address_may_be_pasted_from_the_browser(
    plex: FakePlex, open_plex: Open, ending: str
) -> None:
    assert open_plex(url=plex.url + ending).check().name == "Attic"


def test_every_request_says_who_asks_and_wants_json(plex: FakePlex, open_plex: Open) -> None:
    open_plex(device_id="7d3f").check()
    (exchange,) = plex.exchanges
    asked = exchange.request
    assert asked.header("X-Plex-Client-Identifier") == "7d3f"
    assert asked.header("Accept") == "application/json"
    assert "token" not in asked.target.lower()


def test_a_plex_that_is_off_is_unreachable_until_it_is_on(plex: FakePlex, backend: Plex) -> None:
    plex.down()
    with pytest.raises(
        Unreachable, match=r"Nothing answers at .* Is the Plex Media Server running"
    ):
        backend.check()
    plex.up()
    assert backend.check().name == "Attic"


def test_a_plex_that_is_starting_is_waited_for(plex: FakePlex, backend: Plex) -> None:
    plex.starting = True
    with pytest.raises(RateLimited) as caught:
        backend.check()
    assert caught.value.retry_after == 5


@pytest.mark.parametrize(
    ("status", "body", "content_type"),
    [
        (200, b'{"product": "Jellyfin"}', "application/json"),
        (200, b"[]", "application/json"),
        (200, b'{"MediaContainer": []}', "application/json"),
        (200, b'{"MediaContainer": {}}', "application/json"),
        (200, b'{"MediaContainer": {"version": {}}}', "application/json"),
        (200, b'{"MediaCon', "application/json"),
        (200, b"<!DOCTYPE html><title>Welcome to nginx!</title>", "text/html"),
        (404, b"<html></html>", "text/html"),
        (500, b"<html></html>", "text/html"),
    ],
)
def test_what_is_not_a_plex_is_told_apart(
    plex: FakePlex, backend: Plex, status: int, body: bytes, content_type: str
) -> None:
    with plex.answering(status, body=body, content_type=content_type), pytest.raises(ServerTrouble):
        backend.check()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Rejected),
        (401, SignInRefused),
        (403, Rejected),
        (404, NotOnServer),
        (409, Rejected),
        (429, RateLimited),
        (498, SignInRefused),
        (500, ServerTrouble),
        (502, ServerTrouble),
    ],
)
def test_each_refusal_of_one_title_says_what_helps(
    plex: FakePlex, backend: Plex, status: int, kind: type[BackendError]
) -> None:
    plex.add_movie("Sintel")
    with plex.answering(status, body=b"<html></html>", content_type="text/html"):
        for ask in (
            lambda: backend.state(FILM),
            lambda: backend.push(FILM, Wanted(change_type="mark_watched", at=now())),
        ):
            with pytest.raises(BackendError) as caught:
                ask()
            assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("status", "kind"), [(401, SignInRefused), (403, SignInRefused), (404, ServerTrouble)]
)
def test_a_refusal_of_everything_is_not_about_one_title(
    plex: FakePlex, backend: Plex, status: int, kind: type[BackendError]
) -> None:
    with plex.answering(status, body=b"<html></html>", content_type="text/html"):
        for ask in (backend.check, backend.libraries, lambda: list(backend.library())):
            with pytest.raises(BackendError) as caught:
                ask()
            assert type(caught.value) is kind


def test_no_token_is_shown(plex: FakePlex, open_plex: Open) -> None:
    backend = open_plex({"token": "s3cr", "account_token": "t0ps"}, device_id="7d3f")
    said = b'{"why": "the token s3cr of t0ps is no good"}'
    with (
        plex.answering(400, body=said, content_type="application/json"),
        pytest.raises(Rejected) as caught,
    ):
        backend.check()
    assert "is no good" in caught.value.message
    shown = caught.value.message + repr(backend._connection)
    assert "s3cr" not in shown
    assert "t0ps" not in shown
