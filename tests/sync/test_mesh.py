"""Four sides, one person: whatever happens in whatever order, all sides end equal and no play is
lost or invented.

`SEED=7 ACTS=10000 pytest -n 0 -s -m chaos tests/sync/test_mesh.py` tells a longer story; the same
seed tells the same one. `AHEAD=120` sets the clocks of Jellyfin and Plex two hours ahead and
behind.
"""

import os
from collections.abc import Callable, Iterator
from random import Random

import pytest
from flask.testing import FlaskClient

from mydia_web import clock
from mydia_web.accounts.models import User
from tests.sync.mesh import MOST_ROUNDS, Mesh, Ticking

SEED = int(os.environ.get("SEED", "1"))
ACTS = int(os.environ.get("ACTS", "10000"))
#: Minutes. No two clocks show the same.
AHEAD = float(os.environ.get("AHEAD", "3"))
#: So many acts lie between two times at which everything is brought to rest and looked at.
STRETCH = 50


@pytest.fixture
def household(
    alice: User, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[int], Mesh]]:
    made: list[Mesh] = []

    def make(seed: int) -> Mesh:
        ticking = Ticking()
        monkeypatch.setattr(clock, "read", ticking.read)
        made.append(
            Mesh(
                Random(seed), ticking, client, alice, {"jellyfin": AHEAD, "plex": -AHEAD, "kodi": 1}
            )
        )
        return made[0]

    yield make
    for mesh in made:
        mesh.close()


def live(mesh: Mesh, acts: int) -> None:
    while mesh.figures.acts < acts:
        until = min(acts, mesh.figures.acts + STRETCH)
        while mesh.figures.acts < until:
            mesh.act()
            for _ in range(mesh.random.choice([0, 1, 1, 2])):
                mesh.happen()
        rounds = mesh.settle()
        faults = list(mesh.faults())
        assert not faults, mesh.story_of(faults)
        assert rounds <= MOST_ROUNDS, "\n".join([*mesh.story[-200:], "it does not come to rest"])
        mesh.story.clear()
    assert mesh.figures.pushes <= mesh.figures.most_pushes


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_all_sides_end_equal_whatever_happens(household: Callable[[int], Mesh], seed: int) -> None:
    live(household(seed), 25)


@pytest.mark.chaos
def test_all_sides_end_equal_in_a_long_life(
    household: Callable[[int], Mesh], request: pytest.FixtureRequest
) -> None:
    if "chaos" not in request.config.option.markexpr:
        pytest.skip("runs only with -m chaos")
    mesh = household(SEED)
    live(mesh, ACTS)
    print(f"seed {SEED}: {mesh.figures}")
