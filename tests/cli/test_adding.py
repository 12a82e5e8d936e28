"""Adding a source: no sign-in goes to another kind of server, and who it is becomes known early."""

from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result
from flask.testing import FlaskClient
from sqlalchemy import select

from mydia_web.accounts.models import User
from mydia_web.db import db
from mydia_web.library.models import MediaItem
from mydia_web.playback import get_progress
from mydia_web.sources.accounts import accounts_of
from mydia_web.sources.inbox import make_webhook, webhook_secret
from mydia_web.sources.models import Source
from mydia_web.sync.inbound.inbox import apply_events
from tests.fakes.emby import FakeEmby
from tests.fakes.jellyfin import FakeJellyfin
from tests.fakes.plex import FakePlex

Run = Callable[..., Result]
SECRET = "a-very-secret-word"
FAKES = {"jellyfin": FakeJellyfin, "emby": FakeEmby}


@pytest.fixture(params=FAKES)
def server(request: pytest.FixtureRequest, film: MediaItem) -> Any:
    """A Jellyfin or an Emby in which Admin and Bob live."""
    with FAKES[request.param]() as fake:
        fake.kind = request.param
        fake.admin = fake.add_person("Admin", SECRET, is_admin=True)
        fake.add_person("Bob", "other")
        fake.film = fake.add_movie("Sintel", year=2010, imdb="tt1727587")
        yield fake


def add_while_down(run: Run, server: Any, *words: str, **environment: str) -> Source:
    server.close()
    added = (
        "sources",
        "add",
        server.kind,
        "Attic",
        server.url,
        "--user",
        "alice",
        "--add-anyway",
        *words,
    )
    assert run(*added, **environment).exit_code == 0
    server.up()
    return db.session.scalars(select(Source)).one()


def send(client: FlaskClient, source: Source, user: dict[str, str], film: Any) -> None:
    make_webhook(source)
    db.session.commit()
    payload = {
        "jellyfin": {
            "NotificationType": "UserDataSaved",
            "SaveReason": "TogglePlayed",
            "UserId": user["id"],
            "NotificationUsername": user["name"],
            "ItemId": film.id,
            "ItemType": "Movie",
            "Name": "Sintel",
            "Played": True,
            "Provider_imdb": "tt1727587",
        },
        "emby": {
            "Event": "item.markplayed",
            "User": {"Id": user["id"], "Name": user["name"]},
            "Item": {
                "Id": film.id,
                "Type": "Movie",
                "Name": "Sintel",
                "ProviderIds": {"Imdb": "tt1727587"},
            },
        },
    }[source.kind]
    answer = client.post(f"/webhooks/{source.kind}/{webhook_secret(source)}", json=payload)
    assert answer.status_code == 202
    apply_events()


@pytest.mark.parametrize("first", [("sources", "test", "Attic"), ("pull", "Attic")])
@pytest.mark.parametrize("how", ["token", "password"])
def test_who_it_is_is_known_at_the_first_success(
    run: Run,
    server: Any,
    client: FlaskClient,
    alice: User,
    film: MediaItem,
    how: str,
    first: tuple[str, ...],
) -> None:
    words = {
        "token": ("--token-env", "SECRET", "--remote-user", "admin"),
        "password": ("--username", "admin", "--password-env", "SECRET"),
    }[how]
    secret = {"token": server.api_key(), "password": SECRET}[how]
    source = add_while_down(run, server, *words, SECRET=secret)
    assert run(*first).exit_code == 0
    db.session.expire_all()
    [account] = accounts_of(source.id)
    assert (account.remote_user_id, account.remote_user_name) == (server.admin.id, "Admin")
    assert source.server_id == server.server_id
    assert SECRET not in account.credentials
    send(client, source, {"id": server.admin.id, "name": "Admin"}, server.film)
    assert get_progress(alice.id, film)
    assert run("pull", "Attic").exit_code == 0


def test_news_of_who_was_typed_are_theirs_before_that_too_and_nobody_elses(
    run: Run, server: Any, client: FlaskClient, alice: User, film: MediaItem
) -> None:
    words = ("--token-env", "SECRET", "--remote-user", "admin")
    source = add_while_down(run, server, *words, SECRET=server.api_key())
    send(client, source, {"id": "b0b", "name": "Bob"}, server.film)
    assert get_progress(alice.id, film) is None
    send(client, source, {"id": server.admin.id, "name": "ADMIN"}, server.film)
    assert get_progress(alice.id, film)


def test_the_page_says_while_it_is_not_known(
    run: Run, server: Any, browser_of_alice: FlaskClient, alice: User
) -> None:
    words = ("--token-env", "SECRET", "--remote-user", "admin")
    source = add_while_down(run, server, *words, SECRET=server.api_key())
    said = "has not confirmed yet who you are"
    assert said in browser_of_alice.get(f"/sources/{source.id}").text
    browser_of_alice.post(f"/sources/{source.id}/test")
    page = browser_of_alice.get(f"/sources/{source.id}").text
    assert said not in page
    assert "as Admin" in page


def sent_secrets(fake: Any) -> list[Any]:
    """Requests that carried the sign-in, in whatever place."""
    return [
        request
        for request in fake.requests
        if SECRET in repr(request.headers)
        or SECRET.encode() in (request.body or b"")
        or SECRET in request.target
    ]


@pytest.mark.parametrize(
    ("kind", "fake", "words"),
    [
        ("jellyfin", FakeEmby, "is not a Jellyfin, but an Emby. Add it as one."),
        ("emby", FakeJellyfin, "it is not Emby"),
        ("plex", FakeJellyfin, "it is not a Plex"),
        ("plex", FakeEmby, "it is not a Plex"),
    ],
)
@pytest.mark.parametrize("how", ["--token-env", "--password-env"])
def test_another_kind_of_server_is_not_added_and_gets_no_sign_in(
    run: Run, alice: User, kind: str, fake: Any, words: str, how: str
) -> None:
    with fake() as server:
        typed = ("sources", "add", kind, "Attic", server.url, "--user", "alice", how, "SECRET")
        if how == "--password-env":
            if kind == "plex":
                pytest.skip("a password is for plex.tv and never goes to the server")
            typed += ("--username", "alice")
        result = run(*typed, SECRET=SECRET)
        assert (result.exit_code, words in result.output) == (1, True), result.output
        assert db.session.scalars(select(Source)).all() == []
        assert run(*typed, "--add-anyway", SECRET=SECRET).exit_code == 0
        assert run("pull", "Attic").exit_code == 1
        assert run("sources", "test", "Attic").exit_code == 1
        assert sent_secrets(server) == []


@pytest.mark.parametrize("kind", ["jellyfin", "emby", "plex", "kodi"])
@pytest.mark.parametrize("path", ["", "/wrong/path"])
def test_an_address_at_which_there_is_nothing_of_the_kind_is_not_added(
    run: Run, alice: User, kind: str, path: str
) -> None:
    with FakePlex() as plex, FakeJellyfin() as jellyfin:
        url = (jellyfin if kind == "plex" else plex).url + path
        typed = ("sources", "add", kind, "Attic", url, "--user", "alice", "--token-env", "SECRET")
        result = run(*typed, SECRET=SECRET)
        assert result.exit_code == 1
        assert "Nothing was added. With --add-anyway it is added as it is." in result.output
        assert db.session.scalars(select(Source)).all() == []


@pytest.mark.parametrize("product", [None, "", "Emby Server", "Emby", "Some Server"])
def test_an_emby_is_one_by_whatever_name_it_goes(
    run: Run, alice: User, monkeypatch: pytest.MonkeyPatch, product: str | None
) -> None:
    with FakeEmby() as emby:
        emby.add_person("alice", SECRET)
        emby.product = product
        typed = (
            "sources",
            "add",
            "emby",
            "Attic",
            emby.url,
            "--user",
            "alice",
            "--username",
            "alice",
        )
        assert run(*typed, "--password-env", "SECRET", SECRET=SECRET).exit_code == 0
