"""Which token is used: typed credentials suffice to read, and signing in makes them a token."""

import pytest

from mydia_web.backends.errors import ServerTrouble, SignInRefused
from mydia_web.backends.plex import Plex
from mydia_web.backends.values import Connection, RemoteUser
from tests.backends.plex.conftest import Open, signed_in
from tests.fakes.plex import ALICE, BOB, CAROL, FakePlex

PASSWORD = {"username": "alice@example.org", "password": "correct horse"}
ALICES = {"token": "account-of-alice"}
CAROLS = {"token": "account-of-carol"}


def who(plex: FakePlex, backend: Plex) -> int:
    """The person whose state is read."""
    film = plex.add_movie("Sintel")
    for user in (ALICE, BOB, CAROL):
        film.of(user).view_count = user
    (page,) = backend.library()
    state = page.items[0].state
    plex.remove(film)
    assert state
    return state.play_count


def test_what_is_stored_needs_no_plex_tv(plex: FakePlex, open_plex: Open) -> None:
    plex.tv.down()
    assert who(plex, open_plex(remote_user_id=str(ALICE))) == ALICE


def test_the_owners_token_needs_no_plex_tv(plex: FakePlex, open_plex: Open) -> None:
    plex.tv.down()
    assert who(plex, open_plex(ALICES)) == ALICE


def test_a_friends_token_is_changed_for_the_one_the_server_wants(
    plex: FakePlex, open_plex: Open
) -> None:
    backend = open_plex(CAROLS)
    assert who(plex, backend) == CAROL
    plex.tv.lines()
    backend.check()
    assert plex.tv.lines() == []


def test_a_name_and_password_are_enough_to_read(plex: FakePlex, open_plex: Open) -> None:
    assert who(plex, open_plex(PASSWORD)) == ALICE
    assert who(plex, open_plex({"username": "carol", "password": "staple"})) == CAROL


@pytest.mark.parametrize("credentials", [{}, {"username": "alice"}, {"password": "correct horse"}])
def test_without_anything_typed_it_is_asked_for(
    plex: FakePlex, credentials: dict[str, str]
) -> None:
    backend = Plex(Connection(plex.url, credentials=credentials))
    with pytest.raises(SignInRefused, match="Link the account by a code, or enter a token"):
        backend.check()
    backend.close()
    assert plex.lines() == []


def test_a_wrong_password_is_refused_in_words(plex: FakePlex, open_plex: Open) -> None:
    with pytest.raises(SignInRefused, match="refused the user name or password") as caught:
        open_plex({"username": "alice", "password": "hunter2222"}).check()
    assert "hunter2222" not in caught.value.message


def test_a_wrong_token_is_refused(plex: FakePlex, open_plex: Open) -> None:
    for ask in (Plex.check, Plex.sign_in, lambda backend: list(backend.library())):
        with pytest.raises(SignInRefused, match="Link the account again"):
            ask(open_plex({"token": "no-such-token"}))


def test_a_server_that_is_not_shared_refuses(plex: FakePlex, open_plex: Open) -> None:
    plex.tv.shared_with.remove(CAROL)
    for ask in (Plex.check, Plex.sign_in):
        with pytest.raises(SignInRefused, match="must be shared"):
            ask(open_plex(CAROLS))


def test_a_refused_token_is_not_called_wrong_while_plex_tv_cannot_be_asked(
    plex: FakePlex, open_plex: Open
) -> None:
    plex.tv.down()
    backend = open_plex(CAROLS)
    with pytest.raises(ServerTrouble, match=r"plex\.tv cannot be asked"):
        backend.check()
    plex.tv.up()
    assert backend.check().name == "Attic"


def test_a_server_token_that_was_replaced_is_asked_for_anew(
    plex: FakePlex, open_plex: Open
) -> None:
    backend = open_plex({**signed_in(plex, CAROL), "account_token": "account-of-carol"})
    plex.tv.generation = 2
    assert who(plex, backend) == CAROL


def test_a_refused_token_is_asked_about_once(plex: FakePlex, open_plex: Open) -> None:
    backend = open_plex({"token": "no-such-token"})
    for _ in range(3):
        with pytest.raises(SignInRefused):
            backend.check()
    assert plex.tv.lines() == ["GET /api/v2/resources"]


@pytest.mark.parametrize("name", ["Bob", "bob", str(BOB), " Bob "])
def test_a_member_of_the_home_is_named_and_becomes_the_reader(
    plex: FakePlex, open_plex: Open, name: str
) -> None:
    assert who(plex, open_plex({**ALICES, "pin": "1234"}, remote_user_id=name)) == BOB


@pytest.mark.parametrize("name", ["alice", "ALICE", str(ALICE), "alice@example.org"])
def test_the_owner_may_be_named_too(plex: FakePlex, open_plex: Open, name: str) -> None:
    assert who(plex, open_plex(ALICES, remote_user_id=name)) == ALICE


@pytest.mark.parametrize(("pin", "words"), [("", "is needed"), ("9999", "is wrong")])
def test_a_member_with_a_pin_is_not_entered_without_it(
    plex: FakePlex, open_plex: Open, pin: str, words: str
) -> None:
    with pytest.raises(SignInRefused, match=f"the PIN of that person {words}"):
        open_plex({**ALICES, "pin": pin}, remote_user_id="Bob").check()
    assert plex.lines() == []


def test_an_unknown_name_is_answered_with_those_that_are_known(
    plex: FakePlex, open_plex: Open
) -> None:
    with pytest.raises(SignInRefused, match=r"called Eve\. There is: alice, Bob"):
        open_plex(ALICES, remote_user_id="Eve").check()


def test_nobody_else_is_read_while_plex_tv_cannot_tell_who_is_meant(
    plex: FakePlex, open_plex: Open
) -> None:
    """A token of the owner's would do for the server, and be the wrong person's."""
    plex.tv.down()
    with pytest.raises(Exception, match="Nothing answers at"):
        open_plex(ALICES, remote_user_id="Bob").check()
    assert plex.lines() == []


@pytest.mark.parametrize(
    ("typed", "name", "user_id"),
    [
        (ALICES, "", ALICE),
        (PASSWORD, "", ALICE),
        (CAROLS, "", CAROL),
        ({**ALICES, "pin": "1234"}, "Bob", BOB),
    ],
)
def test_signing_in_keeps_a_token_and_who_it_is(
    plex: FakePlex, open_plex: Open, typed: dict[str, str], name: str, user_id: int
) -> None:
    linked = open_plex(typed, remote_user_id=name).sign_in()
    assert linked.remote_user_id == str(user_id)
    assert linked.remote_user_name == plex.tv.people[user_id]["title"]
    assert linked.credentials["token"] == plex.tv.server_token(user_id, plex.machine_id)
    assert not {"username", "password", "pin"} & linked.credentials.keys()
    plex.tv.lines()
    again = open_plex(dict(linked.credentials), remote_user_id=linked.remote_user_id)
    assert who(plex, again) == user_id
    assert plex.tv.lines() == []


def test_a_token_that_only_the_server_knows_is_kept(plex: FakePlex, open_plex: Open) -> None:
    """plex.tv may be out of reach, or not take a server's token."""
    token = plex.tv.server_token(BOB, plex.machine_id)
    linked = open_plex({"token": token}).sign_in()
    assert linked.credentials == {"token": token, "server_id": plex.machine_id}
    assert linked.remote_user_id == ""


def test_the_owner_sees_who_is_in_the_home(plex: FakePlex, open_plex: Open) -> None:
    everybody = [RemoteUser(str(ALICE), "alice"), RemoteUser(str(BOB), "Bob")]
    assert open_plex(ALICES).users() == everybody
    plex.tv.frames_home = True
    assert open_plex(PASSWORD).users() == everybody


def test_somebody_without_a_home_sees_themselves(plex: FakePlex, open_plex: Open) -> None:
    assert open_plex(CAROLS).users() == [RemoteUser(str(CAROL), "carol")]


def test_a_token_that_plex_tv_does_not_know_sees_nobody(plex: FakePlex, open_plex: Open) -> None:
    assert open_plex({"token": plex.tv.server_token(BOB, plex.machine_id)}).users() == ()
