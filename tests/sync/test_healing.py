"""What a complete reading tells a server again is counted, for the words of the pull and for a
scrape.
"""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from mydia_web.accounts.models import User
from mydia_web.accounts.users import add_token
from mydia_web.cli.pull import pull
from mydia_web.db import db
from mydia_web.playback import save_progress
from mydia_web.sync.inbound.run_pull import preview_pull
from tests.sync.household import Household, Server, heat
from tests.sync.test_which_is_newer import KINDS, LENGTH, incremental, shown, swap_states


@pytest.fixture
def healed(client: FlaskClient, alice: User) -> Callable[[Server], float]:
    """How many titles of a server were told again, as a scrape reads it."""
    token = add_token(alice, "Prometheus")

    def count(server: Server) -> float:
        answer = client.get("/metrics", headers={"Authorization": f"Bearer {token}"})
        name = f'mydia_healed_total{{source="{server.name}"}} '
        lines = [line for line in answer.text.splitlines() if line.startswith(name)]
        return float(lines[0].removeprefix(name)) if lines else 0

    return count


@pytest.fixture
def apart(household: Household, alice: User, kind: str) -> tuple[Server, object]:
    """A server that shows 1200 s of what it took 1800 s of, though nobody played it."""
    # The figures are of the process: a name that no other test counts for.
    server = household.add(kind, f"Healed {kind} {id(household)}")
    target = server.has_heat()
    household.settle()
    save_progress(alice.id, heat(), position_seconds=1800, duration_seconds=LENGTH)
    db.session.commit()
    household.drain()
    swap_states(server, target, 1200)
    return server, target


@pytest.mark.parametrize("kind", KINDS)
def test_a_complete_reading_counts_what_it_tells_again(apart, household, healed):
    server, target = apart
    assert server.pull().news == "1 told again"
    assert healed(server) == 1
    household.drain()
    assert shown(server, target) == (False, 1800)
    assert server.pull().news == "nothing new"
    assert healed(server) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_command_says_it(apart, runner, healed):
    server, _ = apart
    db.session.commit()
    result = runner.invoke(pull, [server.name, "--everything"])
    assert (result.exit_code, result.stdout) == (0, f"{server.name}: 1 title: 1 told again\n")
    assert healed(server) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_reading_of_what_is_new_tells_and_counts_nothing(apart, household, healed):
    server, target = apart
    incremental(server)
    household.drain()
    assert shown(server, target) == (False, 1200)
    assert healed(server) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_preview_counts_nothing(apart, healed):
    server, _ = apart
    db.session.commit()
    preview_pull(server.source_id)
    assert healed(server) == 0
