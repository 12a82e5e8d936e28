"""What real Jellyfin servers said, replayed by every way: after each act both servers and we must
show the same.
"""

from contextlib import ExitStack, closing
from datetime import timedelta

import pytest

from tests.fakes.mediabrowser_library import parsed
from tests.sync.recordings import ALL, SOCKET, TEMPLATE, Recording, moved
from tests.sync.replay import Replay
from tests.sync.replayed import VERSIONS, RecordedJellyfin, Shown

WAYS = {
    "template": (TEMPLATE,),
    "all properties": (ALL,),
    "open connection": (SOCKET,),
    "template and open connection": (TEMPLATE, SOCKET),
    "all properties and open connection": (ALL, SOCKET),
}


@pytest.mark.parametrize("ways", WAYS)
@pytest.mark.parametrize("name", VERSIONS)
def test_every_act_ends_as_it_did_there(household, monkeypatch, name, ways):
    replay = Replay(household, monkeypatch, Recording(name), WAYS[ways])
    wrong = replay.run()
    assert not wrong, _told(replay, wrong)


@pytest.mark.parametrize("ways", ["template", "all properties"])
@pytest.mark.parametrize("name", VERSIONS)
@pytest.mark.parametrize("is_linked", [True, False])
def test_what_bob_does_is_not_alice_s(household, monkeypatch, bob, name, ways, is_linked):
    """What was told of before has been read from the server's pages; her connection tells nothing
    of him.
    """
    recording = Recording(name)
    [number] = [number for number, act in enumerate(recording.acts()) if act.name.startswith("bob")]
    linked = bob if is_linked else None
    replay = Replay(household, monkeypatch, recording, WAYS[ways], bob=linked, first_act=number)
    with ExitStack() as stack:
        replay.begin(stack)
        held = replay.held()
        wrong = [one for act in replay.acts for one in replay.after(act) if one.kind != "state"]
    assert not wrong, _told(replay, wrong)
    assert replay.held() == held
    if is_linked:
        assert replay.bob_s("Heat") == (Shown(watched=True), 1)


@pytest.mark.parametrize("name", VERSIONS)
def test_the_stand_in_shows_what_was_recorded(name):
    """What the replays are compared with is what the server itself showed after each act."""
    recording = Recording(name)
    with closing(RecordedJellyfin(recording)) as server:
        saved = list(recording.saved())
        for act in recording.acts():
            for one in saved:
                if act.t <= one.t < act.until:
                    server.save(one, timedelta())
            for title, state in act.state_after.items():
                shown = {name: server.shows(title).get(name) for name in state}
                for told in (shown, state):
                    told["LastPlayedDate"] = (
                        parsed(told["LastPlayedDate"]) if told.get("LastPlayedDate") else None
                    )
                assert shown == state, act.name


def test_recordings_are_moved_as_they_were_written():
    told = {
        "UtcTimestamp": "2026-11-29T23:59:59.1234567Z",
        "Year": "1995",
        "LastPlayedDate": "",
        "PremiereDate": "2002-12-20",
    }
    assert moved({"Data": [told]}, timedelta(seconds=2)) == {
        "Data": [{**told, "UtcTimestamp": "2026-11-30T00:00:01.1234567Z"}]
    }


def _told(replay, wrong):
    acts = {one.act for one in wrong if one.kind == "state" and one.is_own}
    number = {
        kind: sum(one.kind == kind for one in wrong)
        for kind in ("write", "conflict", "history", "event")
    }
    counted = ", ".join(f"{count} × {kind}" for kind, count in number.items())
    lines = [f"{len(acts)} of {len(replay.acts)} acts wrong, {counted}:", *map(str, wrong)]
    return "\n  ".join(lines)
