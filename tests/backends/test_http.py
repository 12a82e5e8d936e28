"""The HTTP helper: every way a server can fail becomes one of our errors, in words."""

import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from mydia_web import clock
from mydia_web.backends import http
from mydia_web.backends.errors import (
    BackendError,
    NotOnServer,
    RateLimited,
    Rejected,
    ServerTrouble,
    SignInRefused,
    Unreachable,
)
from mydia_web.backends.http import Address, Http
from tests.conftest import Clock

SECRET = "hunter2-hunter2"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


@pytest.fixture(scope="module")
def running_server() -> Iterator[HTTPServer]:
    with HTTPServer(host="127.0.0.1") as server:
        yield server


@pytest.fixture
def server(running_server: HTTPServer) -> HTTPServer:
    """Answers nothing yet."""
    running_server.clear()
    return running_server


@pytest.fixture
def client(server: HTTPServer) -> Iterator[Http]:
    client = Http(server.url_for(""), product="Shelf", hint="Is Shelf running?")
    client.set_auth("alice", SECRET)
    yield client
    client.close()


def answer(
    server: HTTPServer, content: str | bytes = "", status: int = 200, **headers: str
) -> None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    server.expect_request("/x").respond_with_data(content, status, headers=named)


def failure(client: Http) -> BackendError:
    with pytest.raises(BackendError) as caught:
        client.send("GET", "x").json()
    assert SECRET not in caught.value.message
    assert len(caught.value.message) < 400
    return caught.value


def test_an_answer_is_read_as_json(server: HTTPServer, client: Http) -> None:
    answer(server, '{"title": "Sintel"}', content_type="application/json")
    assert client.send("GET", "x").json() == {"title": "Sintel"}


def test_a_body_goes_out_as_plain_application_json(server: HTTPServer, client: Http) -> None:
    seen: list[str | None] = []

    def look(request: Request) -> Response:
        seen.append(request.headers.get("Content-Type"))
        return Response("{}", content_type="application/json")

    server.expect_request("/x", method="POST").respond_with_handler(look)
    client.send("POST", "x", json={"a": 1})
    assert seen == ["application/json"]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Rejected),
        (401, SignInRefused),
        (403, SignInRefused),
        (404, Rejected),
        (408, ServerTrouble),
        (422, Rejected),
        (425, ServerTrouble),
        (429, RateLimited),
        (500, ServerTrouble),
        (503, ServerTrouble),
        (599, ServerTrouble),
    ],
)
def test_each_status_says_what_helps(
    server: HTTPServer, client: Http, status: int, kind: type[BackendError]
) -> None:
    answer(server, "no", status)
    assert type(failure(client)) is kind


def test_a_status_the_caller_understands_is_not_an_error(server: HTTPServer, client: Http) -> None:
    answer(server, "", 404)
    assert client.send("GET", "x", understood=(404,)).status == 404


@pytest.mark.parametrize(
    ("told", "seconds"),
    [("120", 120), ("005", 5), ("0", 1), ("99999999999", 3600), ("soon", 60), ("-5", 60), ("", 60)],
)
def test_the_wait_a_server_asks_for_is_read_and_bounded(
    server: HTTPServer, client: Http, told: str, seconds: float
) -> None:
    answer(server, "", 429, Retry_After=told)
    error = failure(client)
    assert isinstance(error, RateLimited)
    assert error.retry_after == seconds


def test_a_wait_told_as_a_date_is_counted_from_now(
    server: HTTPServer, client: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: now)
    answer(server, "", 503, Retry_After=format_datetime(now + timedelta(seconds=90), usegmt=True))
    error = failure(client)
    assert isinstance(error, RateLimited)
    assert error.retry_after == 90


def test_a_redirect_is_not_followed_and_names_the_host_only(
    server: HTTPServer, client: Http
) -> None:
    answer(server, "", 302, Location=f"https://elsewhere.example/login?token={SECRET}")
    error = failure(client)
    assert isinstance(error, ServerTrouble)
    assert "sends us on to https://elsewhere.example." in error.message


def test_a_web_page_is_named_as_one(server: HTTPServer, client: Http) -> None:
    answer(server, "<!doctype html><title>Sign in</title>", content_type="text/html; charset=utf-8")
    assert "web page instead of data" in failure(client).message


@pytest.mark.parametrize("content", ['{"a": 1', "", "nonsense", "[" * 100_000])
def test_damaged_json_is_trouble_of_the_server(
    server: HTTPServer, client: Http, content: str
) -> None:
    answer(server, content, content_type="application/json")
    assert isinstance(failure(client), ServerTrouble)


def test_one_file_name_in_latin_1_spoils_nothing_else(server: HTTPServer, client: Http) -> None:
    answer(server, b'["caf\xe9", "Sintel"]', content_type="application/json")
    assert client.send("GET", "x").json() == ["caf�", "Sintel"]


def test_a_number_that_is_none_spoils_nothing_else(server: HTTPServer, client: Http) -> None:
    answer(server, '{"position": NaN, "title": "Sintel"}', content_type="application/json")
    assert client.send("GET", "x").json() == {"position": None, "title": "Sintel"}


def test_an_answer_of_40_megabytes_is_left_unread(server: HTTPServer, client: Http) -> None:
    answer(server, b'"' + b"a" * 40 * 1024 * 1024, content_type="application/json")
    assert "more than 32 MB" in failure(client).message


def test_a_long_reason_is_shortened_and_keeps_the_password_out(
    server: HTTPServer, client: Http
) -> None:
    answer(
        server, f"no <script>{SECRET}</script> " + "a" * 10_000_000, 400, content_type="text/plain"
    )
    message = failure(client).message
    assert "no script…/script" in message
    assert "<" not in message


def test_a_server_that_is_off_is_unreachable_in_words(server: HTTPServer) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    error = failure(Http(f"http://127.0.0.1:{port}", product="Shelf", hint="Is Shelf running?"))
    assert isinstance(error, Unreachable)
    assert error.message == f"Nothing answers at http://127.0.0.1:{port}. Is Shelf running?"


def test_an_unknown_name_is_told(server: HTTPServer) -> None:
    assert (
        "No machine called nowhere.invalid"
        in failure(Http("http://nowhere.invalid", product="Shelf")).message
    )


def test_https_to_a_plain_server_suggests_http(server: HTTPServer) -> None:
    error = failure(Http(f"https://127.0.0.1:{server.port}", product="Shelf"))
    assert "Should the address begin with http://?" in error.message


@pytest.mark.parametrize(
    "address",
    [
        "",
        "http://",
        "ftp://host",
        "http://host:port",
        "http://[",
        "http://a b",
        f"http://{'x' * 70}",
    ],
)
def test_what_is_no_address_is_told(address: str) -> None:
    assert isinstance(failure(Http(address, product="Shelf")), Unreachable)


def test_a_password_in_the_address_is_used_and_never_shown(server: HTTPServer) -> None:
    address = Address.parse(f"http://alice:{SECRET}@host:8080/kodi/")
    assert address == Address(
        url="http://host:8080/kodi",
        place="http://host:8080",
        host="host",
        auth=("alice", SECRET),
    )
    assert SECRET not in repr(address)
    assert "p/ss" not in failure(Http("http://alice:p/ss@host", product="Shelf")).message


def test_a_silent_server_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "READ_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = failure(Http(f"http://127.0.0.1:{silent.getsockname()[1]}", product="Shelf"))
    assert isinstance(error, Unreachable)
    assert "took too long" in error.message


@pytest.mark.parametrize(
    "said", [b"", b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"]
)
def test_a_server_that_breaks_off_is_unreachable(said: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(said)

        thread = threading.Thread(target=hang_up)
        thread.start()
        error = failure(Http(f"http://127.0.0.1:{listener.getsockname()[1]}", product="Shelf"))
        thread.join()
    assert isinstance(error, Unreachable)


def test_a_server_that_drips_is_given_up(
    server: HTTPServer, client: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "WHOLE_SECONDS", -1.0)
    answer(server, "[]", content_type="application/json")
    assert "too slowly" in failure(client).message


def test_a_picture_brings_its_type(server: HTTPServer, client: Http) -> None:
    answer(server, PNG, content_type="image/png")
    assert client.picture("x").content_type == "image/png"


def test_a_picture_without_a_type_is_known_by_its_first_bytes(
    server: HTTPServer, client: Http
) -> None:
    server.expect_request("/x").respond_with_response(Response(PNG, headers={"Content-Type": ""}))
    assert client.picture("x").content_type == "image/png"


@pytest.mark.parametrize("kind", ["text/html", "application/json", "image/svg+xml", ""])
def test_what_is_no_picture_is_refused(server: HTTPServer, client: Http, kind: str) -> None:
    server.expect_request("/x").respond_with_response(
        Response("<svg>", headers={"Content-Type": kind})
    )
    with pytest.raises(ServerTrouble, match="not a picture"):
        client.picture("x")


def test_a_picture_that_is_gone_is_not_on_the_server(server: HTTPServer, client: Http) -> None:
    answer(server, "", 404)
    with pytest.raises(NotOnServer):
        client.picture("x")


def test_a_picture_of_11_megabytes_is_left_unread(server: HTTPServer, client: Http) -> None:
    answer(server, b"a" * 11 * 1024 * 1024, content_type="image/png")
    with pytest.raises(ServerTrouble, match="more than 10 MB"):
        client.picture("x")


def dated(at: datetime) -> dict[str, str]:
    return {"Date": format_datetime(at, usegmt=True)}


def skew_after(*answers: Callable[[], dict[str, str]], status: int = 200) -> timedelta | None:
    """Return the skew of the server's clock after answers with these headers."""
    left = iter(answers)
    transport = httpx2.MockTransport(lambda _: httpx2.Response(status, headers=next(left)()))
    client = Http("http://127.0.0.1", product="Shelf", transport=transport)
    assert client.clock_skew is None
    for _ in answers:
        client.send("GET", "x", understood=(404,))
    client.close()
    return client.clock_skew


@pytest.mark.parametrize("minutes", [-90, 0, 3])
@pytest.mark.parametrize("status", [200, 404])
def test_every_answer_tells_how_far_the_servers_clock_is_from_ours(
    set_clock: Clock, minutes: int, status: int
) -> None:
    told = dated(set_clock.time + timedelta(minutes=minutes))
    skew = skew_after(lambda: told, status=status)
    # A date has whole seconds: half of one is the likeliest.
    assert skew == timedelta(minutes=minutes, seconds=0.5)


def test_the_middle_of_a_request_is_what_its_date_is_compared_with(set_clock: Clock) -> None:
    assert skew_after(lambda: dated(set_clock.pass_(seconds=8))) == timedelta(seconds=4.5)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Date": "this evening"},
        {"Date": ""},
        {"Date": "Tue, 01 Jan 1901 00:00:00 GMT"},
        {"Date": "Mon, 99 Jan 2026 00:00:00 GMT"},
        {"Date": "Sat, 21 Nov 2026 10:00:00 GMT", "Age": "36000"},
    ],
    ids=["none", "words", "empty", "1901", "no such day", "from a cache"],
)
def test_a_date_that_says_nothing_of_the_clock_is_left_out(headers: dict[str, str]) -> None:
    assert skew_after(lambda: headers) is None


def test_a_slow_answer_says_nothing_of_the_clock_and_the_quickest_says_most(
    set_clock: Clock,
) -> None:
    def after(seconds: float) -> Callable[[], dict[str, str]]:
        return lambda: dated(set_clock.pass_(seconds=seconds) + timedelta(minutes=5))

    assert skew_after(after(11)) is None
    assert skew_after(after(11), after(4)) == timedelta(minutes=5, seconds=2.5)
    assert skew_after(after(4), after(1), after(9)) == timedelta(minutes=5, seconds=1)
