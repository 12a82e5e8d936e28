"""Several copies of one title on one source: in whatever order they are listed, the result is the
same.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import combinations_with_replacement, permutations

import pytest
from sqlalchemy import delete

from mydia_web.accounts.models import User
from mydia_web.backends.values import LibraryPage, RemoteItem, RemoteState
from mydia_web.clock import now
from mydia_web.db import begin_write, db
from mydia_web.library.models import MediaItem
from mydia_web.playback import get_progress
from mydia_web.playback.models import ChangeSet
from mydia_web.sources.accounts import accounts_of, get_source
from mydia_web.sources.models import Source
from mydia_web.sync.inbound.pull import AccountPull
from mydia_web.sync.inbound.report import Report
from tests.cast import add_server
from tests.sync.household import plays_of, queue

NOW = now()
LENGTH = 6000


def days_ago(days: int) -> datetime:
    return NOW - timedelta(days=days)


NEVER = RemoteState(watched=False)
#: What a copy may show.
STATES = {
    "nothing": NEVER,
    "finished 2 days ago": RemoteState(watched=True, play_count=1, last_played_at=days_ago(2)),
    "finished 40 days ago": RemoteState(watched=True, play_count=1, last_played_at=days_ago(40)),
    "finished some day": RemoteState(watched=True, play_count=1),
    "20 min 5 days ago": RemoteState(
        watched=False, position_ms=1_200_000, last_played_at=days_ago(5)
    ),
    "60 min yesterday": RemoteState(
        watched=False, position_ms=3_600_000, last_played_at=days_ago(1)
    ),
    "rewatched for 10 min": RemoteState(
        watched=True, position_ms=600_000, play_count=1, last_played_at=days_ago(3)
    ),
}


class Shelf:
    """A server of alice's with copies of one film."""

    def __init__(self, alice: User) -> None:
        self._alice = alice
        self._source_id = add_server("NAS", alice, kind="emby").id
        db.session.commit()

    def read(self, states: Sequence[RemoteState], order: Sequence[int], in_pages_of: int) -> None:
        source = get_source(self._source_id)
        [account] = accounts_of(source.id)
        pull = AccountPull(source, account, Report())
        items = [self._copy(number, states[number]) for number in order]
        for start in range(0, len(items), in_pages_of):
            page = items[start : start + in_pages_of]
            asked_at = now()
            changed = pull.changes_on(LibraryPage(items=page, done=len(page), total=len(items)))
            db.session.rollback()
            begin_write()
            pull.take(changed, asked_at)
            db.session.commit()
        begin_write()
        pull.finish()
        db.session.commit()

    def _copy(self, number: int, state: RemoteState) -> RemoteItem:
        ids = {"imdb": "tt0009999"}
        return RemoteItem(
            remote_id=str(number),
            kind="movie",
            title="Dup",
            external_ids=ids,
            year=2003,
            runtime_seconds=LENGTH,
            state=state,
        )

    def result(self) -> tuple[object, ...]:
        """What alice has of it, and what the server will be told."""
        film = db.session.query(MediaItem).filter_by(title="Dup").one()
        own = get_progress(self._alice.id, film)
        held = (
            (own.watched, own.position_seconds, own.in_progress, own.last_watched_at)
            if own
            else None
        )
        owed = [(row.change_type, row.position_ms, row.completed) for row in queue()]
        return held, plays_of(self._alice, film), owed


@pytest.fixture
def results(alice: User, session: object):
    """What comes of copies that show these states one after the other, in each order of listing."""

    def of(*readings: Sequence[RemoteState], in_pages_of: int) -> list[tuple[object, ...]]:
        found = []
        for order in permutations(range(len(readings[0]))):
            shelf = Shelf(alice)
            for states in readings:
                shelf.read(states, order, in_pages_of)
            found.append(shelf.result())
            _forget_everything()
        return found

    return of


def _forget_everything() -> None:
    db.session.rollback()
    begin_write()
    for table in (ChangeSet, Source, MediaItem):
        db.session.execute(delete(table))
    db.session.commit()
    db.session.expire_all()


@pytest.mark.parametrize("names", [*combinations_with_replacement(STATES, 2)], ids=" + ".join)
def test_a_first_reading(results, names):
    found = results([STATES[name] for name in names], in_pages_of=2)
    assert found.count(found[0]) == len(found), found


@pytest.mark.parametrize(
    "names",
    [
        ("finished 2 days ago", "20 min 5 days ago", "60 min yesterday"),
        ("finished 40 days ago", "finished 2 days ago", "20 min 5 days ago"),
        ("finished some day", "20 min 5 days ago", "nothing"),
    ],
    ids=" + ".join,
)
def test_a_first_reading_of_three(results, names):
    found = results([STATES[name] for name in names], in_pages_of=3)
    assert found.count(found[0]) == len(found), found


@pytest.mark.parametrize("names", [*combinations_with_replacement(STATES, 2)], ids=" + ".join)
def test_what_has_changed_since(results, names):
    found = results([NEVER, NEVER], [STATES[name] for name in names], in_pages_of=2)
    assert found.count(found[0]) == len(found), found


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("finished 2 days ago", "20 min 5 days ago"), (True, 0)),
        (("60 min yesterday", "20 min 5 days ago"), (False, 3600)),
        (("60 min yesterday", "finished 2 days ago"), (True, 3600)),
        (("finished 40 days ago", "20 min 5 days ago"), (True, 1200)),
        (("finished 2 days ago", "finished 40 days ago"), (True, 0)),
    ],
)
@pytest.mark.parametrize("in_pages_of", [1, 2])
def test_the_latest_act_decides(results, names, expected, in_pages_of):
    for (watched, seconds, *_), _plays, _owed in results(
        [STATES[one] for one in names], in_pages_of=in_pages_of
    ):
        assert (watched, seconds) == expected
