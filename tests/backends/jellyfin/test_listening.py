"""Events from the messages of Jellyfin's WebSocket."""

import json
import logging
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from mydia_web.backends.errors import ServerTrouble, SignInRefused, Unreachable
from mydia_web.backends.jellyfin import Jellyfin, listening
from mydia_web.backends.values import Connection, Target, Wanted
from mydia_web.clock import now
from tests.backends.ear import Ear
from tests.fakes.jellyfin_socket import LoudJellyfin
from tests.fakes.mediabrowser_library import Person, Title

TICKS = 10_000_000


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits two seconds to be told that there is nothing new."""
    monkeypatch.setattr(listening, "TICK_SECONDS", 0.05)


@pytest.fixture(params=["12.0.0", "10.11.11"])
def jellyfin(request: pytest.FixtureRequest) -> Iterator[LoudJellyfin]:
    with LoudJellyfin(version=request.param, prefix="/films") as jellyfin:
        yield jellyfin


@pytest.fixture
def alice(jellyfin: LoudJellyfin) -> Person:
    person: Person = jellyfin.add_person("alice")
    return person


@pytest.fixture
def film(jellyfin: LoudJellyfin) -> Title:
    title: Title = jellyfin.add_movie("Sintel", year=2010, minutes=40)
    return title


@pytest.fixture
def app(jellyfin: LoudJellyfin, alice: Person):
    """alice's television: says that something there plays, and so on."""
    token = jellyfin.new_token(alice.id, "tv")

    def act(path: str, title: Title, **body: Any) -> None:
        jellyfin.act(alice, token, "tv", path, ItemId=title.id, **body)

    return act


@pytest.fixture
def connection(jellyfin: LoudJellyfin, alice: Person) -> Connection:
    return Connection(
        jellyfin.url,
        credentials={"token": jellyfin.new_token(alice.id, "mydia-web")},
        remote_user_id=alice.id,
    )


@pytest.fixture
def ear(jellyfin: LoudJellyfin, connection: Connection) -> Iterator[Ear]:
    with closing(Jellyfin(connection)) as backend:
        ear = Ear(backend)
        assert jellyfin.sockets.wait_for(1)
        yield ear
        ear.news.close()
        assert jellyfin.sockets.wait_for(0)


def saved(title: Title, **other: Any) -> dict[str, Any]:
    data = {
        "Played": False,
        "PlaybackPositionTicks": 0,
        "PlayCount": 0,
        "Key": title.id,
        "ItemId": title.id,
    }
    return {**data, **other}


def test_a_mark_is_heard_with_both_registers(jellyfin, alice, film, ear):
    date = "2026-01-02T03:04:05.0000000Z"
    dashed = f"{film.id[:8]}-{film.id[8:12]}-{film.id[12:16]}-{film.id[16:20]}-{film.id[20:]}"
    jellyfin.announce(
        alice.id, saved(film, Played=True, PlayCount=2, LastPlayedDate=date, ItemId=dashed.upper())
    )
    (event,) = ear.hear()
    assert (event.action, event.tells_watched, event.tells_position) == ("saved", True, True)
    assert event.remote_user_id == alice.id
    assert event.item
    assert event.item.remote_id == film.id
    state = event.item.state
    assert state
    assert (state.watched, state.play_count, state.position_ms) == (True, 2, 0)
    assert state.last_played_at
    assert state.last_played_at.isoformat() == "2026-01-02T03:04:05+00:00"


def test_a_mark_that_is_taken_away_and_a_position_are_heard(jellyfin, alice, film, ear):
    jellyfin.announce(
        alice.id, saved(film), saved(film, PlaybackPositionTicks=600 * TICKS, PlayCount=1)
    )
    unwatched, position = (event.item.state for event in ear.hear(2) if event.item)
    assert unwatched
    assert (unwatched.watched, unwatched.position_ms, unwatched.play_count) == (False, 0, 0)
    assert position
    assert position.position_ms == 600_000


def test_only_the_linked_person_is_heard(jellyfin, alice, film, ear):
    bob = jellyfin.add_person("bob")
    jellyfin.sockets.say(
        {
            "MessageType": "UserDataChanged",
            "Data": {"UserId": bob.id, "UserDataList": [saved(film, Played=True)]},
        }
    )
    assert ear.hear_all(0.3) == []


def test_shows_are_passed_over(jellyfin, app, ear):
    show = jellyfin.add_show("Harbour Lights")
    episode = jellyfin.add_episode(show, 1, 1, minutes=25)
    target = Target(remote_id=episode.id, kind="episode")
    at = now().replace(microsecond=0)
    ear.backend.push(target, Wanted(change_type="mark_watched", at=at, watched=True, watched_at=at))
    assert [event.item.remote_id for event in ear.hear_all(0.5) if event.item] == [episode.id]


def test_a_push_of_ours_comes_back_as_what_it_was(jellyfin, film, ear):
    at = now().replace(microsecond=0)
    jellyfin.news()
    pushed = ear.backend.push(
        Target(remote_id=film.id, kind="movie"),
        Wanted(change_type="mark_watched", at=at, watched=True, watched_at=at),
    )
    (event,) = ear.hear()
    assert event.item
    assert event.item.state == pushed
    assert jellyfin.told() == ["GET /Items", f"POST /UserItems/{film.id}/UserData", "GET /Sessions"]


def test_a_play_that_begins_unwatches_nothing_and_counts_nothing(jellyfin, alice, film, app, ear):
    """Before 12 Jellyfin takes the mark away when a watched title is played again, and all count
    the play.
    """
    film.state(alice.id).played, film.state(alice.id).play_count = True, 1
    app("/Sessions/Playing", film, PositionTicks=0)
    assert [(event.action, event.is_playing) for event in ear.hear_all(0.6)] == [
        ("playing", None),
        ("saved", True),
    ]
    app("/Sessions/Playing/Stopped", film, PositionTicks=20 * 60 * TICKS)
    where, state, stopped = ear.hear(3)
    assert [where.action, state.action, stopped.action] == ["playing", "saved", "stopped"]
    assert state.is_playing is False
    assert state.item
    assert state.item.state
    assert state.item.state.position_ms == 20 * 60 * 1000


def test_what_is_saved_of_a_play_that_was_not_seen_is_told_with_its_count(
    jellyfin, alice, film, ear
):
    """Its session may have ended before we look: the count tells the receiver that it was begun,
    not unwatched.
    """
    jellyfin.announce(
        alice.id, saved(film, PlayCount=2, LastPlayedDate="2026-01-02T03:04:05.0000000Z")
    )
    (event,) = ear.hear_all(0.3)
    assert (event.action, event.is_playing) == ("saved", None)
    assert event.item
    assert event.item.state
    assert event.item.state.play_count == 2


def test_a_player_is_heard_to_pause(jellyfin, film, app, ear, monkeypatch):
    monkeypatch.setattr(listening, "LOOK_SECONDS", 0.1)
    app("/Sessions/Playing", film, PositionTicks=0)
    ear.hear(2)
    app("/Sessions/Playing/Progress", film, PositionTicks=600 * TICKS, IsPaused=True)
    (paused,) = ear.hear()
    assert (paused.action, paused.device, paused.tells_position) == ("paused", "tv", False)
    assert paused.item
    assert paused.item.state
    assert paused.item.state.position_ms == 600_000


def test_while_nothing_plays_nothing_is_asked(jellyfin, ear, monkeypatch):
    monkeypatch.setattr(listening, "LOOK_SECONDS", 0.05)
    jellyfin.news()
    assert ear.hear_all(0.6) == []
    assert jellyfin.told() == []


def test_it_is_kept_alive_as_the_server_asks(jellyfin, connection):
    jellyfin.kept = 2
    with closing(Jellyfin(connection)) as backend:
        assert Ear(backend).hear_all(2.5) == []
    assert len(jellyfin.sockets.said) in (3, 4)
    assert all(one == {"MessageType": "KeepAlive"} for one in jellyfin.sockets.said)


@pytest.mark.parametrize(
    "message",
    [
        "no JSON",
        b"\xff",
        "7",
        '{"MessageType": "LibraryChanged", "Data": {}}',
        '{"MessageType": "ForceKeepAlive", "Data": "soon"}',
        '{"MessageType": "UserDataChanged"}',
        '{"MessageType": "UserDataChanged", "Data": {"UserId": "ALICE", "UserDataList": {}}}',
        '{"MessageType": "UserDataChanged", "Data": {"UserId": "ALICE", "UserDataList": [7, '
        "null, {}]}}",
        '{"MessageType": "UserDataChanged", "Data": {"UserId": "ALICE", "UserDataList": '
        '[{"Played": true}]}}',
    ],
)
def test_strange_and_foreign_messages_are_passed_over(jellyfin, alice, film, ear, message):
    jellyfin.sockets.say(
        message.replace("ALICE", alice.id) if isinstance(message, str) else message
    )
    assert ear.hear_all(0.3) == []
    jellyfin.announce(alice.id, saved(film, Played=True))
    assert ear.hear()


def test_a_token_is_in_no_address_and_in_no_log(jellyfin, connection, ear, caplog):
    caplog.set_level(logging.DEBUG)
    token = connection.credentials["token"]
    with closing(Jellyfin(connection)) as backend:
        Ear(backend).news.close()
    assert token not in caplog.text
    assert all(token not in one.path for one in jellyfin.sockets.handshakes)
    assert token in json.dumps(dict(jellyfin.sockets.handshakes[-1].headers.raw_items()))


def test_a_token_that_is_worth_nothing_is_said_in_words(jellyfin, connection, caplog):
    caplog.set_level(logging.DEBUG)
    bad = replace(connection, credentials={"token": "f" * 32})
    with closing(Jellyfin(bad)) as backend, pytest.raises(SignInRefused) as refused:
        next(backend.listen())
    assert "f" * 32 not in caplog.text + str(refused.value)


def test_a_password_that_was_typed_is_enough(jellyfin, alice, film):
    typed = Connection(jellyfin.url, credentials={"username": "alice", "password": alice.password})
    with closing(Jellyfin(typed)) as backend:
        ear = Ear(backend)
        assert jellyfin.sockets.wait_for(1)
        jellyfin.announce(alice.id, saved(film, Played=True))
        assert ear.hear()


def test_a_proxy_that_lets_no_websocket_pass_is_said_in_words(jellyfin, connection):
    jellyfin.sockets.admit = lambda _handshake: 400
    with closing(Jellyfin(connection)) as backend, pytest.raises(ServerTrouble, match="proxy"):
        next(backend.listen())


def test_a_refused_handshake_is_said_in_words(jellyfin, connection):
    jellyfin.sockets.admit = lambda _handshake: 403
    with closing(Jellyfin(connection)) as backend, pytest.raises(SignInRefused, match="listen"):
        next(backend.listen())


def test_a_connection_that_breaks_is_said_in_words(jellyfin, ear):
    jellyfin.sockets.drop()
    with pytest.raises(Unreachable, match="broke the connection"):
        ear.hear()
