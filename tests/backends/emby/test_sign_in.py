"""Testing a connection and signing in at an Emby: by password and by API key."""

import pytest

from mydia_web.backends.emby import Emby
from mydia_web.backends.errors import (
    BackendError,
    Rejected,
    ServerTrouble,
    SignInRefused,
    Unreachable,
)
from mydia_web.backends.values import Connection, Linked, ServerInfo, Wanted
from tests.backends.emby.bench import EmbyBench
from tests.backends.emby.test_push import CLICK
from tests.backends.mediabrowser.bench import target
from tests.fakes.emby import FakeEmby
from tests.fakes.mediabrowser_library import Person


def failure(connection: Connection) -> BackendError:
    backend = Emby(connection)
    with pytest.raises(BackendError) as caught:
        backend.check()
    backend.close()
    for secret in connection.credentials.values():
        if len(secret) > 6:
            assert secret not in caught.value.message
    return caught.value


def linked(connection: Connection) -> Linked:
    backend = Emby(connection)
    found = backend.sign_in()
    backend.close()
    return found


def works(connection: Connection) -> bool:
    backend = Emby(connection)
    (page,) = backend.library()
    backend.close()
    return page.done >= 0


def test_an_emby_tells_its_name_version_and_id(backend: Emby, emby: FakeEmby) -> None:
    assert backend.check() == ServerInfo(
        product="Emby", name="Cellar", version=emby.version, server_id=emby.server_id
    )


def test_a_stored_sign_in_asks_nothing_before_the_first_question(
    backend: Emby, emby: FakeEmby, alice: Person
) -> None:
    list(backend.library())
    assert emby.told() == [f"GET /emby/Users/{alice.id}/Items"] * 3


def test_a_password_becomes_a_token_and_the_persons_id(
    emby: FakeEmby, typed: Connection, alice: Person
) -> None:
    found = linked(typed)
    assert (found.remote_user_id, found.remote_user_name) == (alice.id, "alice")
    assert set(found.credentials) == {"token", "server_id"}
    assert works(
        Connection(emby.url, credentials=found.credentials, remote_user_id=found.remote_user_id)
    )


def test_what_was_typed_works_as_it_is(emby: FakeEmby, typed: Connection) -> None:
    assert works(typed)
    assert emby.told()[:2] == [
        "GET /emby/System/Info/Public",
        "POST /emby/Users/AuthenticateByName",
    ]


def test_a_token_that_was_revoked_is_got_anew_with_the_password(
    emby: FakeEmby, typed: Connection
) -> None:
    backend = Emby(typed)
    list(backend.library())
    emby.tokens.clear()
    emby.told()
    list(backend.library())
    assert emby.told()[1] == "POST /emby/Users/AuthenticateByName"
    backend.close()


@pytest.mark.parametrize(
    "ending", ["", "/", "/emby", "/emby/", "/web/index.html#!/home", "/emby/web/index.html"]
)
def test_an_address_may_be_pasted_from_the_browser(emby: FakeEmby, ending: str) -> None:
    assert works(
        Connection(emby.url + ending, credentials={"username": "alice", "password": "secret"})
    )
    assert all(request.path.startswith("/emby/") for request in emby.requests)


def test_the_path_of_a_proxy_is_kept(bench: EmbyBench) -> None:
    with FakeEmby(prefix="/media") as emby:
        emby.add_person("alice")
        film = emby.add_movie("Sintel")
        backend = Emby(
            Connection(emby.url, credentials={"username": "alice", "password": "secret"})
        )
        server = backend.check()
        assert server.name == "Cellar"
        assert backend.push(target(film), Wanted(change_type="mark_watched", at=CLICK)).watched
        link = Emby.web_link(Connection(emby.url, server_id=server.server_id), target(film))
        assert link == f"{emby.url}/web/index.html#!/item?id={film.id}&serverId={emby.server_id}"
        backend.close()


@pytest.mark.parametrize("whose", ["alice", "ALICE", "id"])
def test_an_api_key_acts_for_the_person_that_was_named(
    emby: FakeEmby, alice: Person, whose: str
) -> None:
    named = alice.id if whose == "id" else whose
    connection = Connection(emby.url, credentials={"token": emby.api_key()}, remote_user_id=named)
    assert works(connection)
    found = linked(connection)
    assert (found.remote_user_id, found.remote_user_name) == (alice.id, "alice")


def test_a_persons_own_token_works_with_their_name(
    emby: FakeEmby, alice: Person, admin: Person
) -> None:
    token = {"token": emby.new_token(alice.id, "elsewhere")}
    assert works(Connection(emby.url, credentials=token, remote_user_id="alice"))
    error = failure(Connection(emby.url, credentials=token, remote_user_id="root"))
    assert isinstance(error, SignInRefused)
    assert "does not allow what was asked" in error.message


def test_an_api_key_of_nobody_in_particular_asks_whose_state(emby: FakeEmby) -> None:
    error = failure(Connection(emby.url, credentials={"token": emby.api_key()}))
    assert isinstance(error, SignInRefused)
    assert "Say whose state it shall read and change: alice" in error.message


@pytest.mark.parametrize("whose", ["nobody", "0" * 32])
def test_a_user_that_is_not_there_is_named(emby: FakeEmby, whose: str) -> None:
    error = failure(
        Connection(emby.url, credentials={"token": emby.api_key()}, remote_user_id=whose)
    )
    assert isinstance(error, SignInRefused)
    assert f"knows no user named {whose}." in error.message


@pytest.mark.parametrize("whose", ["", "alice", "id"])
def test_a_wrong_token_is_refused_whoever_it_is_for(
    emby: FakeEmby, alice: Person, whose: str
) -> None:
    named = alice.id if whose == "id" else whose
    error = failure(
        Connection(emby.url, credentials={"token": "0123456789abcdef"}, remote_user_id=named)
    )
    assert isinstance(error, SignInRefused)


def test_a_wrong_password_and_a_disabled_user_are_refused(
    emby: FakeEmby, typed: Connection, alice: Person
) -> None:
    wrong = failure(
        Connection(emby.url, credentials={"username": "alice", "password": "guesswork"})
    )
    assert isinstance(wrong, SignInRefused)
    assert "refused the user name or password" in wrong.message
    alice.is_disabled = True
    assert "does not let this user sign in now" in failure(typed).message


def test_an_administrator_acts_for_another(emby: FakeEmby, admin: Person, alice: Person) -> None:
    found = linked(
        Connection(
            emby.url, credentials={"username": "root", "password": "toor"}, remote_user_id="alice"
        )
    )
    assert found.remote_user_id == alice.id


@pytest.mark.parametrize(
    "info",
    [
        '{"ServerName":"Attic","Version":"10.11.11","Id":"1","ProductName":"Jellyfin Server"}',
        '{"ServerName":"Attic","Version":"10.11.11","Id":"1"}',
    ],
)
def test_a_password_is_not_sent_to_another_kind_of_server(
    emby: FakeEmby, typed: Connection, info: str
) -> None:
    emby.fail_next(200, info, content_type="application/json")
    assert "is not an Emby, but a Jellyfin." in failure(typed).message
    assert emby.told() == ["GET /emby/System/Info/Public"]


def test_an_emby_that_is_too_old_is_told_so(emby: FakeEmby, typed: Connection) -> None:
    emby.fail_next(200, '{"Version":"4.5.4.0","Id":"1"}', content_type="application/json")
    error = failure(typed)
    assert isinstance(error, Rejected)
    assert "is version 4.5.4.0. It must be 4.6 or newer" in error.message


def test_something_else_or_nothing_at_the_address_is_told_apart(
    emby: FakeEmby, typed: Connection
) -> None:
    emby.fail_next(404)
    error = failure(typed)
    assert isinstance(error, ServerTrouble)
    assert "but it is not Emby" in error.message
    emby.close()
    assert isinstance(failure(typed), Unreachable)


def test_no_secret_stands_in_an_explanation_or_a_repr(typed: Connection, emby: FakeEmby) -> None:
    film = emby.add_movie("Sintel")
    backend = Emby(typed)
    lines = backend.explain(target(film), Wanted(change_type="mark_watched", at=CLICK))
    assert lines[0].startswith("GET /Users/{user}/Items/")
    assert "secret" not in repr(typed) + repr(backend) + "".join(lines)
