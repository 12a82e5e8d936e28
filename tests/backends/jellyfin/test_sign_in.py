"""Testing a connection and signing in: by password, by API key, by Quick Connect."""

from threading import Barrier, Thread

import pytest

from mydia_web.backends.errors import (
    BackendError,
    LinkEnded,
    RateLimited,
    Rejected,
    ServerTrouble,
    SignInRefused,
    Unreachable,
)
from mydia_web.backends.jellyfin import Jellyfin
from mydia_web.backends.values import Connection, Credentials, Linked, ServerInfo, Wanted
from tests.backends.jellyfin.bench import JellyfinBench
from tests.backends.jellyfin.test_push import CLICK
from tests.backends.mediabrowser.bench import target
from tests.fakes.jellyfin import FakeJellyfin
from tests.fakes.mediabrowser_library import Person

KEY_HINT = "Say whose state it shall read and change: alice"


def failure(connection: Connection) -> BackendError:
    backend = Jellyfin(connection)
    with pytest.raises(BackendError) as caught:
        backend.check()
    backend.close()
    for secret in connection.credentials.values():
        if len(secret) > 6:
            assert secret not in caught.value.message
    return caught.value


def linked(connection: Connection) -> Linked:
    backend = Jellyfin(connection)
    found = backend.sign_in()
    backend.close()
    return found


def works(connection: Connection) -> bool:
    backend = Jellyfin(connection)
    (page,) = backend.library()
    backend.close()
    return page.done >= 0


def test_a_jellyfin_tells_its_name_version_and_id(
    backend: Jellyfin, jellyfin: FakeJellyfin
) -> None:
    assert backend.check() == ServerInfo(
        product="Jellyfin", name="Attic", version=jellyfin.version, server_id=jellyfin.server_id
    )


def test_a_stored_sign_in_asks_nothing_before_the_first_question(
    backend: Jellyfin, jellyfin: FakeJellyfin
) -> None:
    list(backend.library())
    assert jellyfin.told() == ["GET /Items", "GET /UserItems/Resume", "GET /Items", "GET /Items"]


def test_a_password_becomes_a_token_and_the_persons_id(
    jellyfin: FakeJellyfin, typed: Connection, alice: Person
) -> None:
    found = linked(typed)
    assert (found.remote_user_id, found.remote_user_name) == (alice.id, "alice")
    assert set(found.credentials) == {"token", "server_id"}
    assert jellyfin.tokens[found.credentials["token"]] == (alice.id, "mydia-web")
    assert "secret" not in str(found.credentials.values())
    assert works(
        Connection(jellyfin.url, credentials=found.credentials, remote_user_id=found.remote_user_id)
    )


def test_only_the_scheme_mediabrowser_is_used(jellyfin: FakeJellyfin, typed: Connection) -> None:
    works(typed)
    for request in jellyfin.requests:
        assert request.headers["Authorization"].startswith(
            'MediaBrowser Client="mydia-web", Device='
        )
        assert not {name.lower() for name in request.headers} & {
            "x-emby-token",
            "x-emby-authorization",
        }
        assert "ApiKey" not in request.target


def test_a_device_id_may_be_any_text(
    jellyfin: FakeJellyfin, typed: Connection, alice: Person
) -> None:
    strange = 'a "home", 100 % ours=yes'
    found = linked(Connection(typed.base_url, credentials=typed.credentials, device_id=strange))
    assert jellyfin.tokens[found.credentials["token"]] == (alice.id, strange)


def test_what_was_typed_works_as_it_is(jellyfin: FakeJellyfin, typed: Connection) -> None:
    assert works(typed)
    assert jellyfin.told()[:2] == ["GET /System/Info/Public", "POST /Users/AuthenticateByName"]


def test_an_address_may_carry_the_sign_in(jellyfin: FakeJellyfin) -> None:
    assert works(Connection(jellyfin.url.replace("http://", "http://alice:secret@")))


def test_a_person_without_a_password_signs_in(jellyfin: FakeJellyfin, alice: Person) -> None:
    alice.password = ""
    assert works(Connection(jellyfin.url, credentials={"username": "ALICE"}))


@pytest.mark.parametrize(
    "pasted", ["/", "/web", "/web/", "/web/index.html#!/home", "/web/#/home.html"]
)
def test_an_address_may_be_pasted_from_the_browser(jellyfin: FakeJellyfin, pasted: str) -> None:
    assert works(
        Connection(jellyfin.url + pasted, credentials={"username": "alice", "password": "secret"})
    )


def test_the_path_of_a_proxy_is_kept(bench: JellyfinBench) -> None:
    with FakeJellyfin(prefix="/media/jellyfin") as jellyfin:
        jellyfin.add_person("alice")
        backend = Jellyfin(
            Connection(jellyfin.url + "/", credentials={"username": "alice", "password": "secret"})
        )
        assert backend.check().name == "Attic"
        film = jellyfin.add_movie("Sintel")
        assert backend.push(target(film), Wanted(change_type="mark_watched", at=CLICK)).watched
        assert Jellyfin.web_link(Connection(jellyfin.url), target(film)).startswith(
            f"{jellyfin.url}/web/#/details?id={film.id}"
        )
        backend.close()


def test_a_second_sign_in_of_the_same_device_does_not_stop_the_first(
    jellyfin: FakeJellyfin, typed: Connection
) -> None:
    first, second = Jellyfin(typed), Jellyfin(typed)
    list(first.library())
    list(second.library())
    jellyfin.told()
    list(first.library())
    asked = [
        "GET /Items",
        "POST /Users/AuthenticateByName",
        "GET /Items",
        "GET /UserItems/Resume",
        "GET /Items",
        "GET /Items",
    ]
    assert jellyfin.told() == asked


def test_threads_share_one_sign_in(jellyfin: FakeJellyfin, typed: Connection) -> None:
    backend, together = Jellyfin(typed), Barrier(4)

    def ask() -> None:
        together.wait()
        backend.libraries()

    threads = [Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert jellyfin.told().count("POST /Users/AuthenticateByName") == 1


def test_a_token_that_comes_of_a_password_is_kept_for_all(
    jellyfin: FakeJellyfin, typed: Connection
) -> None:
    kept: list[Credentials] = [typed.credentials]

    def renew(make: object) -> Credentials:
        assert callable(make)
        kept.append(make(kept[-1]))
        return kept[-1]

    connection = Connection(typed.base_url, credentials=typed.credentials, renew=renew)
    assert works(connection)
    assert works(connection)
    assert jellyfin.told().count("POST /Users/AuthenticateByName") == 1
    assert set(kept[-1]) == {"token", "user_id", "server_id"}
    assert works(Connection(typed.base_url, credentials=kept[-1]))


@pytest.mark.parametrize("remote_user", ["alice", "Alice", "id", "dashed"])
def test_an_api_key_acts_for_the_person_that_was_named(
    jellyfin: FakeJellyfin, alice: Person, remote_user: str
) -> None:
    dashed = f"{alice.id[:8]}-{alice.id[8:12]}-{alice.id[12:16]}-{alice.id[16:20]}-{alice.id[20:]}"
    whose = {"id": alice.id, "dashed": dashed}.get(remote_user, remote_user)
    connection = Connection(
        jellyfin.url, credentials={"token": jellyfin.api_key()}, remote_user_id=whose
    )
    assert works(connection)
    assert linked(connection).remote_user_id == alice.id
    assert linked(connection).remote_user_name == "alice"
    film = jellyfin.add_movie("Sintel")
    Jellyfin(connection).push(target(film), Wanted(change_type="mark_watched", at=CLICK))
    assert film.state(alice.id).played


def test_an_api_key_of_nobody_in_particular_asks_whose_state(jellyfin: FakeJellyfin) -> None:
    error = failure(Connection(jellyfin.url, credentials={"token": jellyfin.api_key()}))
    assert isinstance(error, SignInRefused)
    assert KEY_HINT in error.message


@pytest.mark.parametrize("whose", ["nobody", "0" * 32])
def test_a_user_that_is_not_there_is_named(jellyfin: FakeJellyfin, whose: str) -> None:
    error = failure(
        Connection(jellyfin.url, credentials={"token": jellyfin.api_key()}, remote_user_id=whose)
    )
    assert isinstance(error, SignInRefused)
    assert f"knows no user named {whose}. It knows: alice." in error.message


def test_a_wrong_password_and_a_wrong_token_say_what_to_do(jellyfin: FakeJellyfin) -> None:
    wrong = failure(
        Connection(jellyfin.url, credentials={"username": "alice", "password": "guesswork"})
    )
    assert isinstance(wrong, SignInRefused)
    assert "refused the user name or password" in wrong.message
    token = failure(Connection(jellyfin.url, credentials={"token": "0123456789abcdef"}))
    assert isinstance(token, SignInRefused)
    assert "Sign in again, or enter a new token" in token.message
    nothing = failure(Connection(jellyfin.url))
    assert isinstance(nothing, SignInRefused)
    assert "asks for a user name and password, or a token" in nothing.message


def test_what_a_server_repeats_of_a_password_is_not_shown(
    jellyfin: FakeJellyfin, typed: Connection
) -> None:
    jellyfin.fail_next(400, "The password secret is too short.", path="AuthenticateByName")
    error = failure(typed)
    assert isinstance(error, Rejected)
    assert "The password … is too short." in error.message


def test_a_disabled_user_is_refused(
    jellyfin: FakeJellyfin, typed: Connection, alice: Person
) -> None:
    alice.is_disabled = True
    error = failure(typed)
    assert isinstance(error, SignInRefused)
    assert "does not let this user sign in now" in error.message


def test_a_password_is_not_sent_to_another_kind_of_server(
    jellyfin: FakeJellyfin, typed: Connection
) -> None:
    emby = '{"ServerName":"Cellar","Version":"4.9.1.90","Id":"1"}'
    jellyfin.fail_next(200, emby, content_type="application/json")
    assert "is not a Jellyfin, but an Emby." in failure(typed).message
    assert jellyfin.told() == ["GET /System/Info/Public"]


def test_a_jellyfin_that_is_too_old_is_told_so(jellyfin: FakeJellyfin, typed: Connection) -> None:
    old = '{"ServerName":"Attic","Version":"10.8.13","Id":"1","ProductName":"Jellyfin Server"}'
    jellyfin.fail_next(200, old, content_type="application/json")
    error = failure(typed)
    assert isinstance(error, Rejected)
    assert "is version 10.8.13. It must be 10.9 or newer" in error.message


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, "", "text/plain"),
        (200, "[]", "application/json"),
        (200, '{"result":"pong"}', "application/json"),
        (200, "<html>Welcome to nginx!</html>", "text/html"),
        (200, '{"Version": 12', "application/json"),
        (200, '{"Version": {"a": 1}}', "application/json"),
    ],
)
def test_something_else_at_the_address_is_told_apart(
    jellyfin: FakeJellyfin, typed: Connection, status: int, body: str, kind: str
) -> None:
    jellyfin.fail_next(status, body, content_type=kind)
    assert isinstance(failure(typed), ServerTrouble)


def test_a_jellyfin_that_is_off_is_unreachable(jellyfin: FakeJellyfin, typed: Connection) -> None:
    jellyfin.close()
    error = failure(typed)
    assert isinstance(error, Unreachable)
    assert "Is Jellyfin running, and is the address right?" in error.message
    jellyfin.up()
    assert works(typed)


def test_a_jellyfin_that_starts_is_waited_for(jellyfin: FakeJellyfin, typed: Connection) -> None:
    jellyfin.fail_next(
        503, "<html></html>", content_type="text/html", headers={"Retry-After": "005"}
    )
    error = failure(typed)
    assert isinstance(error, RateLimited)
    assert error.retry_after == 5


def test_quick_connect_links_without_a_password(jellyfin: FakeJellyfin, alice: Person) -> None:
    connection = Connection(jellyfin.url)
    code = Jellyfin.begin_link(connection)
    assert (code.code, code.url) == ("123456", f"{jellyfin.url}/web/#/quickconnect")
    assert (code.interval, code.expires_in) == (5, 600)
    assert code.secret["secret"] not in repr(code)
    assert Jellyfin.poll_link(connection, code.secret) is None
    jellyfin.confirm(code.code, alice)
    found = Jellyfin.poll_link(connection, code.secret)
    assert found is not None
    assert (found.remote_user_id, found.remote_user_name) == (alice.id, "alice")
    assert works(
        Connection(jellyfin.url, credentials=found.credentials, remote_user_id=found.remote_user_id)
    )


def test_a_code_that_jellyfin_has_forgotten_ends_the_linking(jellyfin: FakeJellyfin) -> None:
    code = Jellyfin.begin_link(Connection(jellyfin.url))
    jellyfin.codes.clear()
    with pytest.raises(LinkEnded, match="Ask for a new one"):
        Jellyfin.poll_link(Connection(jellyfin.url), code.secret)


def test_without_quick_connect_the_other_ways_are_named(jellyfin: FakeJellyfin) -> None:
    jellyfin.quick_connect = False
    with pytest.raises(Rejected, match="Sign in with a user name and password"):
        Jellyfin.begin_link(Connection(jellyfin.url))
