"""When what a source shows was played."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mydia_web.backends.values import RemoteItem, RemoteState
from mydia_web.clock import now
from mydia_web.sources.registry import backend_class
from mydia_web.sources.states import Base
from mydia_web.sync.inbound.change import RemoteChange
from tests.cast import add_film

NINE = datetime(2026, 3, 1, 21, tzinfo=UTC)
LATER = NINE + timedelta(days=1)


def news(kind: str, was: RemoteState | None, state: RemoteState, **told: Any) -> RemoteChange:
    base = Base(was, NINE) if was else None
    item = RemoteItem(remote_id="1", kind="movie", title="Sintel", state=state)
    return RemoteChange(
        item=item,
        state=state,
        content=add_film("Sintel"),
        traits=backend_class(kind).traits,
        base=base,
        **{"telling": "present", **told},
    )


@pytest.mark.parametrize("kind", ["jellyfin", "plex", "kodi"])
def test_the_date_of_what_was_finished_since_is_that_of_the_play(session, kind):
    finished = RemoteState(watched=True, last_played_at=LATER)
    for was in (
        None,
        RemoteState(watched=False),
        RemoteState(watched=False, position_ms=300_000, last_played_at=NINE),
    ):
        assert news(kind, was, finished).played_at == LATER


def test_the_date_that_was_there_is_that_of_a_mark_only_where_marks_leave_it(session):
    was, marked = (
        RemoteState(watched=False, position_ms=300_000, last_played_at=NINE),
        RemoteState(watched=True, last_played_at=NINE),
    )
    assert news("jellyfin", was, marked, heard_at=LATER).played_at == LATER
    assert news("plex", was, marked).played_at == NINE


def test_a_mark_that_was_given_an_older_date_keeps_it(session):
    was, marked = (
        RemoteState(watched=False, position_ms=300_000, last_played_at=LATER),
        RemoteState(watched=True, last_played_at=NINE),
    )
    assert news("jellyfin", was, marked).played_at == NINE


def test_nobody_knows_when_it_was_finished_that_was_begun_again_since(session):
    begun = RemoteState(watched=True, position_ms=300_000, last_played_at=LATER)
    assert news("plex", RemoteState(watched=False), begun).played_at is None
    assert news("plex", RemoteState(watched=False), begun, telling="play").played_at == LATER


def test_a_date_to_come_is_now(session):
    ahead = RemoteState(watched=True, last_played_at=now() + timedelta(hours=3))
    assert news("plex", None, ahead).played_at <= now()
