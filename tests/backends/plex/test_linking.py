"""Linking by a code: shown here, confirmed at plex.tv, and changed for the server's token."""

import pytest

from mydia_web.backends.errors import LinkEnded, RateLimited, Unreachable
from mydia_web.backends.plex import Plex
from mydia_web.backends.values import Connection
from tests.backends.plex.conftest import Open, kind_at
from tests.fakes.plex import ALICE, CAROL, FakePlex


@pytest.fixture
def connection(plex: FakePlex) -> Connection:
    return Connection(plex.url, device_id="0b0e8f4c")


def test_a_code_can_be_typed_and_is_confirmed_at_plex_tv(
    plex: FakePlex, connection: Connection
) -> None:
    code = kind_at(plex).begin_link(connection)
    assert (len(code.code), code.url, code.expires_in) == (4, "https://plex.tv/link", 899)
    assert plex.tv.exchanges[0].request.query == {"strong": "false"}
    assert plex.tv.exchanges[0].request.header("X-Plex-Client-Identifier") == "0b0e8f4c"


def test_until_it_is_confirmed_there_is_nothing(plex: FakePlex, connection: Connection) -> None:
    kind = kind_at(plex)
    assert kind.poll_link(connection, kind.begin_link(connection).secret) is None
    assert plex.lines() == []


@pytest.mark.parametrize("user_id", [ALICE, CAROL])
def test_a_confirmed_code_becomes_the_servers_own_token(
    plex: FakePlex, connection: Connection, open_plex: Open, user_id: int
) -> None:
    kind = kind_at(plex)
    code = kind.begin_link(connection)
    plex.tv.confirm(code.code, user_id)
    linked = kind.poll_link(connection, code.secret)
    assert linked
    assert linked.credentials["token"] == plex.tv.server_token(user_id, plex.machine_id)
    assert linked.credentials["account_token"] in plex.tv.accounts
    assert (linked.remote_user_id, linked.remote_user_name) == (
        str(user_id),
        plex.tv.people[user_id]["title"],
    )
    assert (
        open_plex(dict(linked.credentials), remote_user_id=linked.remote_user_id).check().name
        == "Attic"
    )


def test_the_same_device_asks_that_was_given_the_code(
    plex: FakePlex, connection: Connection
) -> None:
    """plex.tv shows a code to nobody else, and the account may have a new device id by now."""
    kind = kind_at(plex)
    code = kind.begin_link(connection)
    plex.tv.confirm(code.code)
    assert kind.poll_link(Connection(plex.url, device_id="another"), code.secret)


def test_a_code_that_is_confirmed_is_not_lost_when_the_server_is_off(
    plex: FakePlex, connection: Connection, open_plex: Open
) -> None:
    kind = kind_at(plex)
    code = kind.begin_link(connection)
    plex.tv.confirm(code.code, CAROL)
    plex.down()
    linked = kind.poll_link(connection, code.secret)
    assert linked
    plex.up()
    assert (
        open_plex(dict(linked.credentials), remote_user_id=linked.remote_user_id).check().name
        == "Attic"
    )


def test_a_code_that_is_too_old_ends_the_linking(plex: FakePlex, connection: Connection) -> None:
    kind = kind_at(plex)
    code = kind.begin_link(connection)
    plex.tv.pins.clear()
    with pytest.raises(LinkEnded, match="Ask for a new one"):
        kind.poll_link(connection, code.secret)


def test_plex_tv_may_ask_us_to_wait(plex: FakePlex, connection: Connection) -> None:
    kind = kind_at(plex)
    with (
        plex.tv.answering(429, headers={"Retry-After": "30"}),
        pytest.raises(RateLimited) as caught,
    ):
        kind.begin_link(connection)
    assert caught.value.retry_after == 30


def test_without_plex_tv_there_is_no_code(plex: FakePlex, connection: Connection) -> None:
    plex.tv.down()
    with pytest.raises(Unreachable, match="Does this machine reach the internet"):
        kind_at(plex).begin_link(connection)


def test_nothing_that_is_shown_tells_a_secret(plex: FakePlex, connection: Connection) -> None:
    kind = kind_at(plex)
    code = kind.begin_link(connection)
    plex.tv.confirm(code.code)
    linked = kind.poll_link(connection, code.secret)
    assert linked
    shown = repr(code) + repr(linked)
    secrets = (linked.credentials["token"], linked.credentials["account_token"], code.secret["id"])
    assert not [secret for secret in secrets if secret in shown]


def test_accounts_are_at_plex_tv() -> None:
    assert Plex.plex_tv == "https://plex.tv"
