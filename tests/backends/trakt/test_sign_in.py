"""Linking by a code, and a sign-in that renews itself: a refresh token works once."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mydia_web.backends.errors import LinkEnded, ServerTrouble, SignInRefused
from mydia_web.backends.trakt import Trakt
from mydia_web.backends.trakt.tokens import OAUTH_URL, OAuth
from mydia_web.backends.values import (
    Connection,
    Credentials,
    LinkCode,
    Linked,
    RemoteUser,
    Target,
    Wanted,
)
from tests.backends.openapi import needed
from tests.backends.trakt import published
from tests.conftest import Clock
from tests.fakes.trakt import FakeTrakt
from tests.fakes.trakt_api import Reply
from tests.fakes.trakt_oauth import Token

Client = Callable[[Connection], Trakt]
CLICK = datetime(2026, 11, 20, 20, 30, 15, tzinfo=UTC)


@pytest.fixture
def clock(trakt: FakeTrakt, set_clock: Clock) -> Clock:
    """Our clock and Trakt's."""
    trakt.wall = set_clock.now
    return set_clock


@pytest.fixture
def app(trakt: FakeTrakt) -> Connection:
    """The connection before an account is linked."""
    return Connection(trakt.url, credentials=trakt.app)


def begun(app: Connection) -> LinkCode:
    return Trakt.begin_link(app)


class Renewal:
    """Keeps renewed credentials for all workers, as the application does."""

    def __init__(self, stored: Credentials) -> None:
        self.stored = stored
        self.asked = 0

    def __call__(self, ask: Callable[[Credentials], Credentials]) -> Credentials:
        self.asked += 1
        self.stored = ask(self.stored)
        return self.stored


def test_a_code_is_confirmed_at_trakt(trakt: FakeTrakt, clock: Clock, app: Connection) -> None:
    code = begun(app)
    assert (code.url, code.interval, code.expires_in) == ("https://trakt.tv/activate", 5, 600)
    assert Trakt.poll_link(app, code.secret) is None
    trakt.oauth.confirm(code.code, trakt.alice)
    clock.pass_(seconds=5)
    linked = Trakt.poll_link(app, code.secret)
    assert linked == Linked(
        {
            **trakt.app,
            "access_token": trakt.oauth.tokens[0].access,
            "refresh_token": trakt.oauth.tokens[0].refresh,
            "issued_at": str(int(clock.now().timestamp())),
            "expires_at": str(int((clock.now() + timedelta(days=7)).timestamp())),
        },
        "uuid-of-alice",
        "Alice",
    )


def test_the_secrets_of_a_link_are_not_shown(
    trakt: FakeTrakt, clock: Clock, app: Connection
) -> None:
    code = begun(app)
    trakt.oauth.confirm(code.code, trakt.alice)
    linked = Trakt.poll_link(app, code.secret)
    assert "device-code" not in repr(code)
    assert "token" not in repr(linked)


def test_what_was_typed_may_come_with_the_secret(
    trakt: FakeTrakt, clock: Clock, app: Connection
) -> None:
    code = begun(app)
    trakt.oauth.confirm(code.code, trakt.alice)
    assert Trakt.poll_link(Connection(trakt.url), {**trakt.app, **code.secret})


def test_asking_too_often_is_no_error(trakt: FakeTrakt, clock: Clock, app: Connection) -> None:
    code = begun(app)
    assert [Trakt.poll_link(app, code.secret) for _ in range(3)] == [None] * 3
    assert trakt.exchanges[-1].status == 429


@pytest.mark.parametrize(
    ("fate", "words"),
    [
        ("denied", "was refused at Trakt"),
        ("old", "too old"),
        ("used", "used already"),
        ("unknown", "does not know this code"),
        ("missing", "too old"),
    ],
)
def test_a_code_that_leads_nowhere_ends(
    trakt: FakeTrakt, clock: Clock, app: Connection, fate: str, words: str
) -> None:
    code = begun(app)
    secret = {"unknown": {"device_code": "x"}, "missing": {}}.get(fate, code.secret)
    if fate == "denied":
        trakt.oauth.deny(code.code)
    elif fate == "old":
        clock.pass_(minutes=10)
    elif fate == "used":
        trakt.oauth.confirm(code.code, trakt.alice)
        Trakt.poll_link(app, secret)
        clock.pass_(seconds=6)
    with pytest.raises(LinkEnded, match=words):
        Trakt.poll_link(app, secret)


def test_a_wrong_app_is_told_where_to_look(trakt: FakeTrakt, clock: Clock, app: Connection) -> None:
    code = begun(app)
    with pytest.raises(SignInRefused, match=r"client ID.*settings/apps"):
        begun(Connection(trakt.url, credentials={"client_id": "wrong"}))
    wrong = replace(app, credentials={**trakt.app, "client_secret": "wrong"})
    with pytest.raises(SignInRefused, match="client secret"):
        Trakt.poll_link(wrong, code.secret)


def test_what_a_code_gave_is_kept_when_the_name_cannot_be_asked_for(
    trakt: FakeTrakt, clock: Clock, app: Connection
) -> None:
    code = begun(app)
    granted = trakt.oauth.grant(trakt.alice)
    with trakt.answering(Reply(200, trakt.oauth._written(granted)), Reply(500)):
        linked = Trakt.poll_link(app, code.secret)
    assert linked
    assert (linked.credentials["access_token"], linked.remote_user_id) == (granted.access, "")


@pytest.mark.parametrize(
    ("base_url", "named", "host"),
    [
        ("https://api.trakt.tv", "", "https://auth.trakt.tv"),
        ("https://API.trakt.tv/", "", "https://auth.trakt.tv"),
        ("http://127.0.0.1:9", "", "http://127.0.0.1:9"),
        ("https://api.trakt.tv", "http://127.0.0.1:8", "http://127.0.0.1:8"),
    ],
)
def test_the_host_that_signs_in_is_another(base_url: str, named: str, host: str) -> None:
    assert (
        OAuth(Connection(base_url, credentials={"auth_url": named} if named else {}))._url() == host
    )


@pytest.mark.parametrize("path", ["/oauth/device/code", "/oauth/device/token", "/oauth/token"])
def test_the_host_that_signs_in_is_the_published_one(path: str) -> None:
    needed(published.SPEC)
    assert published.servers(path) == [OAUTH_URL]


def test_a_typed_token_is_enough_to_read(trakt: FakeTrakt, client: Client, token: Token) -> None:
    trakt.alice.watch(trakt.add_movie("Sintel"), CLICK)
    typed = {"username": trakt.oauth.client_id, "token": token.access}
    backend = client(Connection(trakt.url, credentials=typed))
    assert [item.title for page in backend.library() for item in page.items] == ["Sintel"]
    assert backend.sign_in() == Linked(typed, "uuid-of-alice", "Alice")


def test_the_person_is_who_the_sign_in_belongs_to(
    trakt: FakeTrakt, client: Client, backend: Trakt, connection: Connection
) -> None:
    assert backend.users() == (RemoteUser("uuid-of-alice", "Alice"),)
    assert client(replace(connection, remote_user_id="ALICE")).sign_in().remote_user_name == "Alice"
    with pytest.raises(SignInRefused, match="belongs to Alice at Trakt, and not to Bob"):
        client(replace(connection, remote_user_id="Bob")).sign_in()


def test_without_an_account_nothing_is_asked(
    trakt: FakeTrakt, client: Client, app: Connection
) -> None:
    with pytest.raises(SignInRefused, match="No Trakt account is linked yet"):
        client(app).check()
    assert trakt.exchanges == []


def test_half_way_through_its_life_a_token_is_renewed(
    trakt: FakeTrakt, clock: Clock, client: Client, connection: Connection
) -> None:
    renewal = Renewal(connection.credentials)
    backend = client(replace(connection, renew=renewal))
    clock.pass_(days=3.4)
    backend.check()
    assert renewal.asked == 0
    clock.pass_(days=0.2)
    backend.check()
    backend.check()
    assert (renewal.asked, trakt.oauth.refreshes) == (1, 1)
    assert renewal.stored["access_token"] == trakt.oauth.tokens[1].access
    assert renewal.stored["client_secret"] == trakt.oauth.client_secret
    assert [one.status for one in trakt.exchanges] == [200, 200, 200, 200]


def test_a_token_that_is_refused_is_renewed_once(
    trakt: FakeTrakt, client: Client, connection: Connection, token: Token
) -> None:
    token.expires_at = trakt.now()
    film = trakt.add_movie("Sintel")
    renewal = Renewal(connection.credentials)
    backend = client(replace(connection, renew=renewal))
    assert backend.push(
        Target(remote_id=film.remote_id, kind="movie"), Wanted(change_type="mark_watched", at=CLICK)
    ).watched
    assert [one.status for one in trakt.exchanges] == [401, 200, 200, 200, 201]
    assert renewal.asked == 1


def test_without_anyone_to_keep_it_what_is_renewed_stays_with_the_client(
    trakt: FakeTrakt, client: Client, connection: Connection, token: Token
) -> None:
    token.expires_at = trakt.now()
    backend = client(connection)
    backend.check()
    backend.check()
    assert trakt.oauth.refreshes == 1
    linked = backend.sign_in()
    assert linked.credentials["access_token"] == trakt.oauth.tokens[1].access


def test_what_somebody_else_renewed_is_used(
    trakt: FakeTrakt, client: Client, connection: Connection, token: Token
) -> None:
    """A refresh token works once: the second worker must use what the first one got."""
    newer = trakt.oauth.grant(trakt.alice)
    token.is_refreshed, token.expires_at = True, trakt.now()
    renewal = Renewal(
        {**connection.credentials, "access_token": newer.access, "refresh_token": newer.refresh}
    )
    client(replace(connection, renew=renewal)).check()
    assert trakt.oauth.refreshes == 0


@pytest.mark.parametrize("has_refresh_token", [True, False])
def test_a_sign_in_that_cannot_be_renewed_asks_for_a_new_link(
    trakt: FakeTrakt, client: Client, connection: Connection, token: Token, has_refresh_token: bool
) -> None:
    token.expires_at, token.is_refreshed = trakt.now(), True
    kept = dict(connection.credentials)
    if not has_refresh_token:
        del kept["refresh_token"]
    with pytest.raises(SignInRefused, match="Link the account again") as refused:
        client(replace(connection, credentials=kept)).check()
    assert token.access not in str(refused.value)


def test_a_renewed_token_that_is_refused_too_is_not_renewed_again(
    trakt: FakeTrakt, client: Client, connection: Connection
) -> None:
    renewed = trakt.oauth._written(trakt.oauth.grant(trakt.alice))
    with trakt.answering(Reply(401), Reply(200, renewed), Reply(401)), pytest.raises(SignInRefused):
        client(connection).check()
    assert len(trakt.exchanges) == 3


def test_a_renewal_that_fails_early_is_no_trouble_while_the_token_is_good(
    trakt: FakeTrakt, clock: Clock, client: Client, connection: Connection
) -> None:
    clock.pass_(days=4)
    backend = client(connection)
    written: Any = {"user": {"username": "Alice", "ids": {}}}
    with trakt.answering(Reply(502), Reply(200, written)):
        backend.check()
        backend.check()
    assert [one.path for one in trakt.exchanges] == [
        "/oauth/token",
        "/users/settings",
        "/users/settings",
    ]
    clock.pass_(days=4)
    with trakt.answering(Reply(502)), pytest.raises(ServerTrouble):
        client(connection).check()


def test_an_app_of_a_free_account_is_refused_for_the_true_reason_everywhere(
    trakt: FakeTrakt, app: Connection
) -> None:
    """Since 30 July 2026."""
    code = begun(app)
    with trakt.answering(Reply(403, {})):
        for ask in (
            lambda: begun(app),
            lambda: Trakt.poll_link(app, code.secret),
            lambda: OAuth(app).renew({"refresh_token": "x"}),
        ):
            with pytest.raises(
                SignInRefused, match=r"free account.*VIP.*https://app.trakt.tv/settings/apps"
            ):
                ask()
