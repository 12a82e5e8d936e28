"""A tested connection: what a person reads when address, password or machine is wrong."""

import json

import pytest

from mydia_web.backends.errors import (
    BackendError,
    RateLimited,
    Rejected,
    ServerTrouble,
    SignInRefused,
    Unreachable,
)
from mydia_web.backends.kodi import Kodi
from mydia_web.backends.values import Connection, ServerInfo
from tests.fakes.kodi import FakeKodi


def failure(kodi: FakeKodi, url: str = "", **credentials: str) -> BackendError:
    backend = Kodi(Connection(url or kodi.url, credentials=credentials or kodi.credentials))
    with pytest.raises(BackendError) as caught:
        backend.check()
    backend.close()
    assert kodi.password not in caught.value.message
    return caught.value


def test_a_kodi_tells_its_name_and_version(backend: Kodi) -> None:
    assert backend.check() == ServerInfo(product="Kodi", name="Living room", version="20.1")


@pytest.mark.parametrize("ending", ["/", "/jsonrpc", "/jsonrpc/", "  "])
def test_an_address_may_be_pasted_as_kodi_shows_it(kodi: FakeKodi, ending: str) -> None:
    assert (
        Kodi(Connection(kodi.url + ending, credentials=kodi.credentials)).check().product == "Kodi"
    )


def test_an_address_needs_no_scheme_and_may_carry_the_sign_in(kodi: FakeKodi) -> None:
    host = kodi.url.removeprefix("http://")
    assert Kodi(Connection(host, credentials=kodi.credentials)).check().product == "Kodi"
    assert Kodi(Connection(f"http://kodi:secret@{host}")).check().product == "Kodi"


def test_a_kodi_without_a_password_needs_no_credentials(kodi: FakeKodi) -> None:
    kodi.password = ""
    assert Kodi(Connection(kodi.url)).check().product == "Kodi"
    assert "Authorization" not in kodi.headers[-1]


def test_every_call_is_sent_as_plain_application_json(kodi: FakeKodi, backend: Kodi) -> None:
    backend.check()
    assert {headers["Content-Type"] for headers in kodi.headers} == {"application/json"}


def test_a_wrong_password_is_told_from_a_missing_one(kodi: FakeKodi) -> None:
    wrong = failure(kodi, username="kodi", password="guess")
    assert isinstance(wrong, SignInRefused)
    assert "refused the user name or password" in wrong.message
    assert "guess" not in wrong.message
    missing = failure(kodi, other="")
    assert isinstance(missing, SignInRefused)
    assert "asks for a user name and password" in missing.message


def test_a_kodi_that_is_off_is_unreachable_until_it_is_on(kodi: FakeKodi, backend: Kodi) -> None:
    kodi.down()
    error = failure(kodi)
    assert isinstance(error, Unreachable)
    assert error.message == (
        f"Nothing answers at {kodi.url}. Is Kodi running, and is its web server switched on?"
    )
    kodi.up()
    assert backend.check().name == "Living room"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, '{"product": "Jellyfin"}'),
        (200, "[]"),
        (200, "[1, 2]"),
        (200, '"pong"'),
        (200, "<!DOCTYPE html><title>Welcome to nginx!</title>"),
        (404, '{"error": "no such page"}'),
        (405, ""),
    ],
)
def test_something_that_is_not_kodi_is_told_apart(kodi: FakeKodi, status: int, body: str) -> None:
    kodi.fail_next(status, body)
    error = failure(kodi)
    assert isinstance(error, ServerTrouble)
    if body != "[]":
        assert f"Something answers at {kodi.url}, but it is not Kodi." in error.message


def test_json_that_is_cut_short_is_trouble_and_not_a_crash(kodi: FakeKodi) -> None:
    kodi.fail_next(200, '{"jsonrpc": "2.0", "id": 1, "resu')
    assert "cut short" in failure(kodi).message


def test_an_answer_of_40_megabytes_is_left_unread(kodi: FakeKodi) -> None:
    kodi.fail_next(200, b'"' + b"a" * 40 * 1024 * 1024)
    assert "more than 32 MB" in failure(kodi).message


def test_a_redirect_to_another_host_is_not_followed(kodi: FakeKodi) -> None:
    with FakeKodi() as other:
        kodi.fail_next(307, headers={"Location": f"{other.url}/jsonrpc"})
        assert f"sends us on to {other.url}" in failure(kodi).message
        assert not other.requests


def test_a_kodi_that_is_still_starting_is_trouble(kodi: FakeKodi) -> None:
    answers: list[object] = [{"jsonrpc": "2.0", "id": number, "result": {}} for number in (1, 2, 3)]
    kodi.fail_next(200, json.dumps(answers))
    assert "still be starting" in failure(kodi).message


def test_a_proxy_that_asks_to_wait_is_waited_for(kodi: FakeKodi) -> None:
    kodi.fail_next(503, headers={"Retry-After": "30"})
    error = failure(kodi)
    assert isinstance(error, RateLimited)
    assert error.retry_after == 30


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (-32603, ServerTrouble),
        (-32100, ServerTrouble),
        (-32097, ServerTrouble),
        (1, ServerTrouble),
        (-32601, Rejected),
        (-32099, Rejected),
        (-32096, Rejected),
        (-32600, Rejected),
        (-32700, Rejected),
    ],
)
def test_each_error_code_of_kodi_says_what_helps(
    kodi: FakeKodi, code: int, kind: type[BackendError]
) -> None:
    kodi.fail_next(error=code)
    assert type(failure(kodi)) is kind
