"""What Kodi announces, as news."""

import logging
from collections.abc import Iterator
from contextlib import closing

import pytest

from mydia_web.backends.errors import Rejected, ServerTrouble, SignInRefused, Unreachable
from mydia_web.backends.kodi import Kodi, listening
from mydia_web.backends.values import Connection, Target, Wanted
from mydia_web.clock import now
from tests.backends.ear import Ear
from tests.backends.kodi import contract
from tests.fakes.kodi_methods import call
from tests.fakes.kodi_socket import LoudKodi


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits two seconds to be told that there is nothing new."""
    monkeypatch.setattr(listening, "TICK_SECONDS", 0.05)


@pytest.fixture
def kodi() -> Iterator[LoudKodi]:
    with LoudKodi(timezone="America/New_York") as kodi:
        yield kodi
    faults = [
        fault
        for call in kodi.requests
        for fault in contract.faults_of_call(call.method, call.params)
    ]
    assert not faults


@pytest.fixture
def ear(kodi: LoudKodi) -> Iterator[Ear]:
    with closing(Kodi(Connection(kodi.url, credentials=kodi.credentials))) as backend:
        ear = Ear(backend)
        assert kodi.sockets.wait_for(1)
        yield ear
        ear.news.close()
        assert kodi.sockets.wait_for(0)


def test_a_mark_is_heard_with_all_its_state(kodi, ear):
    film = kodi.add_movie("Sintel", year=2010, minutes=15, imdb="tt1727587")
    kodi.mark(film, 2)
    (event,) = ear.hear()
    assert (event.action, event.tells_watched, event.tells_position) == ("state", True, True)
    assert event.item
    assert (event.item.remote_id, event.item.kind, event.item.title) == (
        "movie:1",
        "movie",
        "Sintel",
    )
    assert event.item.external_ids == {"imdb": "tt1727587"}
    state = event.item.state
    assert state
    assert (state.watched, state.play_count, state.position_ms) == (True, 2, 0)
    assert state.last_played_at
    assert abs((state.last_played_at - now()).total_seconds()) < 5
    assert event.heard_at
    assert event.heard_at <= now()


def test_a_mark_that_is_taken_away_is_heard(kodi, ear):
    film = kodi.add_movie("Sintel", playcount=1, lastplayed="2026-01-02 03:04:05")
    kodi.mark(film, 0)
    (event,) = ear.hear()
    assert event.item
    assert event.item.state
    assert event.item.state.watched is False


def test_what_is_answered_to_our_questions_is_what_kodi_describes(kodi, ear):
    if why := contract.missing():
        pytest.skip(why)
    episode = kodi.add_show("Harbour Lights", episodes=1).episodes[0]
    kodi.mark(episode, 1)
    ear.hear()
    kodi.play(episode)
    ear.hear()
    for request in list(kodi.requests):
        assert not contract.faults_of_answer(
            request.method, call(kodi, request.method, request.params)
        )


def test_an_episode_comes_with_its_show_which_is_asked_for_once(kodi, ear):
    show = kodi.add_show("Harbour Lights", year=2019, seasons=1, episodes=3, tvdb="371980")
    for episode in show.episodes:
        kodi.mark(episode, 1)
    found = [event.item for event in ear.hear(3)]
    kodi.mark(show.episodes[0], 0)
    ear.hear()
    assert [(item.season_number, item.episode_number) for item in found if item] == [
        (1, 1),
        (1, 2),
        (1, 3),
    ]
    assert all(
        item and item.show and item.show.external_ids == {"tvdb": "371980"} for item in found
    )
    assert len(kodi.asked("VideoLibrary.GetTVShowDetails")) == 1


def test_what_was_announced_several_times_is_read_once(kodi, ear):
    film = kodi.add_movie("Sintel")
    for count in range(1, 6):
        kodi.mark(film, count)
    ear.hear()
    assert ear.hear_all(0.6) == []
    assert len(kodi.asked("VideoLibrary.GetMovieDetails")) == 1


def test_a_player_is_heard_to_begin_pause_and_end_with_its_position(kodi, ear):
    film = kodi.add_movie("Sintel", minutes=40)
    kodi.play(film)
    (playing,) = ear.hear()
    kodi.playing_at = 754.5
    kodi.pause()
    (paused,) = ear.hear()
    kodi.stop(800)
    stopped, state, later = ear.hear(3)
    assert [one.action for one in (playing, paused)] == ["playing", "paused"]
    assert (paused.tells_watched, paused.tells_position) == (False, False)
    assert paused.item
    assert paused.item.state
    assert (paused.item.remote_id, paused.item.state.position_ms) == ("movie:1", 754_500)
    assert {stopped.action, state.action} == {"stopped", "state"}
    assert later.action == "state"
    assert later.name == "Player.OnStop"
    assert later.item
    assert later.item.state
    assert later.item.state.position_ms == 800_000


def test_one_title_after_the_other_ends_the_first(kodi, ear):
    """Kodi announces no stop then."""
    first, second = kodi.add_movie("Sintel"), kodi.add_movie("Tears of Steel")
    kodi.play(first)
    ear.hear()
    kodi.play(second)
    found = {(one.action, one.item.remote_id) for one in ear.hear(2) if one.item}
    assert found == {("playing", "movie:2"), ("stopped", "movie:1")}


def test_what_plays_already_is_heard_first(kodi):
    kodi.play(kodi.add_movie("Sintel"))
    with (
        closing(Kodi(Connection(kodi.url, credentials=kodi.credentials))) as backend,
        closing(backend.listen()) as news,
    ):
        first = next(news)
        assert first
        assert first.action == "playing"


def test_a_file_outside_the_library_and_music_are_passed_over(kodi, ear):
    kodi.announce(
        "Player.OnPlay",
        {"item": {"title": "Home video", "type": "movie"}, "player": {"playerid": 1}},
    )
    kodi.announce("Player.OnStop", {"item": {"id": 7, "type": "song"}, "end": True})
    assert ear.hear_all(0.6) == []


@pytest.mark.parametrize(
    "message",
    [
        "no JSON",
        b"\xff\xfe",
        "[1]",
        '{"method": 7}',
        '{"method": "VideoLibrary.OnUpdate"}',
        '{"method": "VideoLibrary.OnUpdate", "params": []}',
        '{"method": "VideoLibrary.OnUpdate", '
        '"params": {"data": {"item": {"id": "1", "type": "movie"}}}}',
        '{"method": "VideoLibrary.OnUpdate", "params": {"data": {"item": {"id": 1, "type": []}}}}',
        '{"method": "VideoLibrary.OnUpdate", "params": {"data": {"id": 999, "type": "movie"}}}',
        '{"method": "VideoLibrary.OnUpdate", "params": {"data": {"id": 1, "type": "tvshow"}}}',
        '{"method": "VideoLibrary.OnUpdate", '
        '"params": {"data": {"item": {"id": 1, "type": "movie"}, "added": true}}}',
        '{"method": "VideoLibrary.OnRemove", "params": {"data": {"id": 1, "type": "movie"}}}',
        '{"method": "Player.OnStop", "params": {"data": null}}',
    ],
)
def test_strange_and_foreign_messages_are_passed_over(kodi, ear, message):
    film = kodi.add_movie("Sintel")
    kodi.sockets.say(message)
    assert ear.hear_all(0.5) == []
    kodi.mark(film, 1)
    assert ear.hear()


def test_an_item_that_is_gone_or_strange_hides_no_other(kodi, ear):
    gone, strange, good = (kodi.add_movie(title) for title in ("Gone", "Strange", "Good"))
    strange.broken["playcount"] = "many"
    for film in (gone, strange, good):
        kodi.mark(film, 1)
    kodi.remove(gone)
    (event,) = ear.hear()
    assert event.item
    assert event.item.title == "Good"


def test_a_push_of_ours_comes_back_as_what_it_was(kodi, ear):
    kodi.add_movie("Sintel", minutes=15)
    at = now().replace(microsecond=0)
    target = Target(remote_id="movie:1", kind="movie")
    pushed = ear.backend.push(
        target, Wanted(change_type="mark_watched", at=at, watched=True, watched_at=at)
    )
    (event,) = ear.hear()
    assert event.item
    assert event.item.state == pushed


def test_a_season_that_is_marked_takes_few_requests(kodi, ear):
    show = kodi.add_show("Harbour Lights", seasons=1, episodes=100)
    for episode in show.episodes:
        kodi.mark(episode, 1)
    assert len({event.item.remote_id for event in ear.hear(100) if event.item}) == 100
    assert len([one for one in kodi.headers if one]) <= 3 * (100 // listening.READ_AT_ONCE + 1)


def test_silence_is_no_news_and_no_reason_to_leave(kodi, ear, monkeypatch):
    monkeypatch.setattr(listening, "PING_SECONDS", 0.2)
    assert ear.hear_all(1.5) == []
    assert {one["method"] for one in kodi.sockets.said} == {"JSONRPC.Ping"}
    assert 2 <= len(kodi.sockets.said) <= 8


def test_a_kodi_that_sleeps_is_left(kodi, ear, monkeypatch):
    monkeypatch.setattr(listening, "PING_SECONDS", 0.2)
    kodi.sleeps = True
    with pytest.raises(Unreachable, match="switched off"):
        ear.hear_all(2)


def test_nothing_there_is_said_in_words(kodi):
    kodi.sockets.down()
    backend = Kodi(Connection(kodi.url, credentials=kodi.credentials))
    with closing(backend), pytest.raises(Unreachable, match="Nothing answers at ws://127"):
        next(backend.listen())


def test_a_connection_that_breaks_is_said_in_words(kodi, ear):
    kodi.sockets.drop()
    with pytest.raises(Unreachable, match="broke the connection"):
        ear.hear()


def test_what_is_no_websocket_is_said_in_words(kodi):
    port = kodi.url.rpartition(":")[2]
    backend = Kodi(Connection(kodi.url, credentials={**kodi.credentials, "websocket_port": port}))
    with closing(backend), pytest.raises(ServerTrouble, match="does not speak WebSocket"):
        next(backend.listen())


@pytest.mark.parametrize("port", ["0", "99999", "ninety", "-1", "9090/x"])
def test_a_port_that_is_none_is_said_in_words(kodi, port):
    backend = Kodi(Connection(kodi.url, credentials={**kodi.credentials, "websocket_port": port}))
    with closing(backend), pytest.raises(Rejected, match="must be a number"):
        next(backend.listen())


def test_a_wrong_password_is_said_and_no_secret_is_logged(kodi, caplog):
    caplog.set_level(logging.DEBUG)
    backend = Kodi(
        Connection(kodi.url, credentials={**kodi.credentials, "password": "wr0ng-secret"})
    )
    with closing(backend), pytest.raises(SignInRefused) as refused:
        next(backend.listen())
    assert "wr0ng-secret" not in caplog.text + str(refused.value)
    assert not [record for record in caplog.records if "wire" in record.name]


def test_the_usual_port_is_taken_where_none_is_named():
    address = Kodi(Connection("https://user:pw@den.example:8443/kodi"))._http.address
    assert listening.address_of(address, " ") == "ws://den.example:9090/jsonrpc"
    six = Kodi(Connection("http://[::1]:8080"))._http.address
    assert listening.address_of(six, "9191") == "ws://[::1]:9191/jsonrpc"
