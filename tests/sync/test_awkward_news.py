"""Whatever a person does on a Jellyfin, and however it tells of that: both servers and we end as
the person meant it.

Run by hand: `STORIES=20 pytest tests/sync/test_awkward_news.py`; the same number tells the same
story.
"""

import os
from random import Random

import pytest

from mydia_web.backends.jellyfin import listening
from tests.sync.awkward import JellyfinStory
from tests.sync.awkward_kodi import KodiStory
from tests.sync.awkward_players import PlayerStory
from tests.sync.recordings import ALL, SOCKET, TEMPLATE

WAYS = {
    "template": (TEMPLATE,),
    "all properties": (ALL,),
    "open connection": (SOCKET,),
    "template and open connection": (TEMPLATE, SOCKET),
    "all properties and open connection": (ALL, SOCKET),
}
PLAYERS = {"emby": [False], "generic": [False], "plex": [False, True], "tautulli": [False, True]}
STORIES = int(os.environ.get("STORIES", "0"))
ACTS = 8


@pytest.mark.parametrize("seed", range(STORIES))
@pytest.mark.parametrize("loses", [False, True], ids=["all come", "some are lost"])
@pytest.mark.parametrize("ways", WAYS)
@pytest.mark.parametrize("version", ["12.0.0", "10.11.11"])
def test_all_end_as_the_person_meant_it(household, monkeypatch, version, ways, loses, seed):
    # The players of a story leap from one minute to another within seconds, and are looked at as
    # often.
    monkeypatch.setattr(listening, "LOOK_SECONDS", 1.0)
    if loses and ways == "open connection":
        pytest.skip("On an open connection nothing is lost.")
    random = Random(f"{version} {ways} {loses} {seed}")
    story = JellyfinStory(
        household, monkeypatch, version=version, ways=WAYS[ways], random=random, loses=loses
    )
    wrong = story.live(ACTS)
    assert not wrong, "\n  ".join(["", *story.story, "", *map(str, wrong)])


@pytest.mark.parametrize("seed", range(STORIES))
@pytest.mark.parametrize(
    ("way", "loses"), [(way, loses) for way, both in PLAYERS.items() for loses in both]
)
def test_all_end_so_whatever_tells_of_it(household, monkeypatch, way, loses, seed):
    random = Random(f"{way} {loses} {seed}")
    story = PlayerStory(household, monkeypatch, way=way, random=random, loses=loses)
    wrong = story.live(ACTS)
    assert not wrong, "\n  ".join(["", *story.story, "", *map(str, wrong)])


@pytest.mark.parametrize("seed", range(STORIES))
def test_all_end_so_where_a_kodi_announces_it(household, monkeypatch, seed):
    story = KodiStory(household, monkeypatch, random=Random(f"kodi {seed}"))
    wrong = story.live(ACTS)
    assert not wrong, "\n  ".join(["", *story.story, "", *map(str, wrong)])
