"""Whatever a person does on a Jellyfin, and however it tells of that: both servers and we end as the person meant it.

`STORIES=200 pytest -n 2 tests/sync/test_awkward_news.py` tells more; the same number tells the same story.
"""

import os
from random import Random

import pytest

from tests.sync.awkward import Awkward
from tests.sync.recordings import ALL, SOCKET, TEMPLATE

WAYS = {
    "template": (TEMPLATE,),
    "all properties": (ALL,),
    "open connection": (SOCKET,),
    "template and open connection": (TEMPLATE, SOCKET),
    "all properties and open connection": (ALL, SOCKET),
}
STORIES = int(os.environ.get("STORIES", "1"))
ACTS = 8


@pytest.mark.parametrize("seed", range(STORIES))
@pytest.mark.parametrize("loses", [False, True], ids=["all come", "some are lost"])
@pytest.mark.parametrize("ways", WAYS)
@pytest.mark.parametrize("version", ["12.0.0", "10.11.11"])
def test_all_end_as_the_person_meant_it(household, monkeypatch, version, ways, loses, seed):
    if loses and ways == "open connection":
        pytest.skip("On an open connection nothing is lost.")
    random = Random(f"{version} {ways} {loses} {seed}")
    live = Awkward(household, monkeypatch, version=version, ways=WAYS[ways], random=random, loses=loses)
    wrong = live.live(ACTS)
    assert not wrong, "\n  ".join(["", *live.story, "", *map(str, wrong)])
