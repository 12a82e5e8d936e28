"""Servers that are read before they are written: one reading for a batch of many titles."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event

import pytest
from sqlalchemy import select

from mydia_web.accounts.models import User
from mydia_web.backends import reading
from mydia_web.backends.values import RemoteState, Target, Wanted
from mydia_web.db import begin_write, db
from mydia_web.library.models import MediaItem
from mydia_web.playback import get_progress, mark_watched, save_progress
from mydia_web.queue.models import QueuedChange, Status
from mydia_web.queue.sign_ins import CONFIRM_AFTER
from mydia_web.sources import registry
from mydia_web.sources.accounts import add_source, link_account
from mydia_web.sources.models import Source, SourceAccount, SourceItem
from mydia_web.sources.states import ShownState, keep_states
from mydia_web.sync.outbound import lanes
from mydia_web.sync.outbound.metrics import Summary
from tests.backends.bench import Bench
from tests.backends.benches import BENCHES
from tests.cast import add_film
from tests.conftest import Clock
from tests.fakes.mediabrowser import Reply

KINDS = ("jellyfin", "emby", "plex", "kodi")
LONG_AGO = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
LENGTH_SECONDS = 90 * 60
#: Where the films stop that are not watched to their end.
POSITION_SECONDS = 30 * 60
#: Requests for a position once the title is read; a Plex shows its own only when it is asked.
POSITION_REQUESTS = {"jellyfin": 1, "emby": 1, "plex": 2, "kodi": 1}
#: Requests that read again, at the end of a batch, what the answers to its writes did not show:
#: one for each connection.
CONFIRMING = {"jellyfin": 0, "emby": 4, "plex": 2, "kodi": 0}

Drain = Callable[..., Summary]
of_every_kind = pytest.mark.parametrize("kind", KINDS, indirect=True)


@dataclass
class There:
    """alice's server, and what stands on it and here."""

    bench: Bench
    source: Source
    account: SourceAccount
    alice: User

    def add(self, title: str) -> tuple[MediaItem, Target]:
        [target] = self.bench.add_movie(title)
        film = add_film(title, minutes=90)
        item = SourceItem(source_id=self.source.id, remote_id=target.remote_id, path=target.path)
        item.media_item_id = film.id
        db.session.add(item)
        db.session.flush()
        keep_states(
            [
                ShownState(
                    account_id=self.account.id,
                    source_item_id=item.id,
                    state=RemoteState(watched=False),
                )
            ]
        )
        return film, target

    def owe_marks(self, number: int) -> list[tuple[MediaItem, Target]]:
        """Films that are marked here, and not there yet."""
        begin_write()
        added = [self.add(f"Film {number} of many") for number in range(number)]
        for film, _ in added:
            mark_watched(self.alice.id, film, at=LONG_AGO)
        db.session.commit()
        return added

    def owed(self) -> Sequence[QueuedChange]:
        query = select(QueuedChange).where(QueuedChange.status != Status.SYNCED)
        return db.session.scalars(query).all()


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    return getattr(request, "param", "jellyfin")


@pytest.fixture
def there(alice: User, kind: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[There]:
    bench = BENCHES[kind]()
    monkeypatch.setitem(registry._BACKENDS, kind, bench.backend)
    connection = bench.connection()
    source = add_source(kind, "There", connection.base_url)
    account = link_account(
        source, alice.id, connection.credentials, remote_user_id=connection.remote_user_id
    )
    db.session.commit()
    # However slow the machine is that this runs on.
    monkeypatch.setattr(reading, "FRESH_SECONDS", 3600.0)
    monkeypatch.setattr(lanes, "_MAX_UNCONFIRMED_SECONDS", 3600.0)
    there = There(bench, source, account, alice)
    yield there
    bench.close()
    assert bench.violations() == []


def opening(there: There) -> int:
    """How many requests a client of this kind makes before its first push."""
    backend = there.bench.backend(there.bench.connection())
    there.bench.requests()
    [film] = there.bench.add_movie("Another")
    backend.push(film, Wanted(change_type="mark_watched", at=LONG_AGO, watched=True, position_ms=0))
    first = len(there.bench.requests())
    [film] = there.bench.add_movie("Another still")
    backend.push(film, Wanted(change_type="mark_watched", at=LONG_AGO, watched=True, position_ms=0))
    second = len(there.bench.requests())
    backend.close()
    return first - second


@of_every_kind
@pytest.mark.parametrize("number", [2, 50, 120])
def test_marks_share_what_is_read_before_them(
    there: There, kind: str, number: int, drain: Drain
) -> None:
    extra = opening(there)
    marked = there.owe_marks(number)
    there.bench.requests()
    drain()
    requests = len(there.bench.requests()) - extra
    assert all(there.bench.held(target).watched for _, target in marked)
    assert all(there.bench.held(target).play_count == 1 for _, target in marked)
    assert there.owed() == []
    if number >= 50:
        assert requests <= 1.1 * number
    else:
        assert requests <= number + 1 + CONFIRMING[kind]


@of_every_kind
def test_one_mark_alone_is_read_and_written(there: There, kind: str, drain: Drain) -> None:
    extra = opening(there)
    there.owe_marks(1)
    there.bench.requests()
    drain()
    assert len(there.bench.requests()) - extra == (3 if kind == "plex" else 2)


@of_every_kind
def test_positions_share_the_reading_too(there: There, kind: str, drain: Drain) -> None:
    extra = opening(there)
    begin_write()
    added = [there.add(f"Film {number} of many") for number in range(60)]
    for number, (film, _) in enumerate(added):
        if number % 3:
            mark_watched(there.alice.id, film, at=LONG_AGO)
        else:
            save_progress(
                there.alice.id,
                film,
                position_seconds=POSITION_SECONDS,
                duration_seconds=LENGTH_SECONDS,
                at=LONG_AGO,
            )
    db.session.commit()
    there.bench.requests()
    drain()
    requests = len(there.bench.requests()) - extra
    for number, (_, target) in enumerate(added):
        held = there.bench.held(target)
        assert (held.watched, held.position_ms) == (
            (True, 0) if number % 3 else (False, POSITION_SECONDS * 1000)
        )
    writes = 40 + 20 * POSITION_REQUESTS[kind]
    assert requests <= 1.1 * writes + CONFIRMING[kind]


@of_every_kind
def test_a_title_that_is_gone_holds_up_no_other(there: There, drain: Drain) -> None:
    marked = there.owe_marks(30)
    there.bench.remove(marked[7][1])
    drain()
    del marked[7]
    assert all(there.bench.held(target).watched for _, target in marked)
    [left] = there.owed()
    assert left.error_class == "unmatched"


@of_every_kind
def test_what_was_changed_there_meanwhile_is_taken_over_and_not_written_over(
    there: There, drain: Drain
) -> None:
    begin_write()
    added = [there.add(f"Film {number} of many") for number in range(20)]
    for film, _ in added:
        save_progress(
            there.alice.id,
            film,
            position_seconds=POSITION_SECONDS,
            duration_seconds=LENGTH_SECONDS,
            at=LONG_AGO,
        )
    db.session.commit()
    film, target = added[5]
    there.bench.person_watches(target, datetime.now(UTC))
    drain()
    progress = get_progress(there.alice.id, film)
    assert progress
    assert progress.watched
    assert there.bench.held(target).watched
    others = [there.bench.held(one) for _, one in added if one != target]
    assert all(one.position_ms == POSITION_SECONDS * 1000 for one in others)


@of_every_kind
def test_what_was_read_too_long_ago_is_read_again(
    there: There, kind: str, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "FRESH_SECONDS", -1.0)
    extra = opening(there)
    marked = there.owe_marks(10)
    there.bench.requests()
    drain()
    requests = len(there.bench.requests()) - extra
    assert all(there.bench.held(target).watched for _, target in marked)
    # Each by itself, after the one that was of no use; a Plex is asked once more for what it shows.
    assert requests >= 20


@of_every_kind
def test_a_refused_sign_in_is_told_to_all_once_it_is_believed(
    there: There, drain: Drain, set_clock: Clock
) -> None:
    there.owe_marks(20)
    with there.bench.answering(401):
        drain()
        assert {row.error_class for row in there.owed()} == {"transient"}
        there.bench.requests()
        set_clock.pass_(seconds=CONFIRM_AFTER.total_seconds())
        drain()
        # A refused Plex says at plex.tv whether the sign-in is gone, or the server is another one.
        assert len(there.bench.requests()) == (2 if there.source.kind == "plex" else 1)
        set_clock.pass_(seconds=60)
        drain()
    assert there.bench.requests() == []
    assert {row.error_class for row in there.owed()} == {"auth"}


def test_a_write_that_is_refused_holds_up_no_other(there: There, drain: Drain) -> None:
    marked = there.owe_marks(30)
    refused = marked[11][1]
    there.bench.fake.fail_next(400, path=f"/UserItems/{refused.remote_id}")
    drain()
    assert [target for _, target in marked if not there.bench.held(target).watched] == [refused]
    [left] = there.owed()
    assert left.error_class == "invalid"


def test_an_id_that_spoils_the_answer_for_all_spoils_only_its_own_row(
    there: There, drain: Drain
) -> None:
    """Jellyfin 10.11 answers 500 to one id of its own."""
    marked = there.owe_marks(30)
    spoilt = marked[11][1]
    there.bench.fake.fails_on_ids = {spoilt.remote_id}
    drain()
    assert [target for _, target in marked if not there.bench.held(target).watched] == [spoilt]
    [left] = there.owed()
    assert left.error_class == "transient"


def test_a_server_that_goes_silent_counts_one_failure(there: There, drain: Drain) -> None:
    there.owe_marks(30)
    there.bench.requests()
    with there.bench.answering(503, headers={"Retry-After": "60"}):
        drain()
    assert len(there.bench.requests()) == 1
    db.session.refresh(there.source)
    assert there.source.pause_reason == "rate_limited"
    assert len(there.owed()) == 30
    assert {row.attempt_count for row in there.owed()} == {0}


@pytest.mark.parametrize("status", [500, 502])
@of_every_kind
def test_an_outage_burns_the_attempts_of_few(there: There, drain: Drain, status: int) -> None:
    there.owe_marks(50)
    with there.bench.answering(status):
        drain()
    db.session.refresh(there.source)
    assert there.source.pause_reason == "down"
    assert sum(row.attempt_count > 0 for row in there.owed()) <= 20
    assert len(there.owed()) == 50


def test_copies_of_one_title_are_read_together_with_the_others(there: There, drain: Drain) -> None:
    begin_write()
    film, target = there.add("Twice")
    [_, other] = there.bench.add_movie("Twice", copies=2)
    item = SourceItem(source_id=there.source.id, remote_id=other.remote_id, path=other.path)
    item.media_item_id = film.id
    db.session.add(item)
    db.session.flush()
    mark_watched(there.alice.id, film, at=LONG_AGO)
    db.session.commit()
    there.owe_marks(9)
    there.bench.requests()
    drain()
    assert there.bench.held(target).watched
    assert there.bench.held(other).watched
    assert len(there.bench.requests()) == 1 + 11


def test_a_slow_title_holds_up_no_other(
    there: There, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    marked = there.owe_marks(30)
    slow, *others = [target for _, target in marked]
    all_others_are_written = Event()
    answer = there.bench.fake.reply_to

    def wait_for_others(method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        if method == "POST" and slow.remote_id in target:
            assert all_others_are_written.wait(60)
        reply: Reply = answer(method, target, headers, body)
        if all(there.bench.held(one).watched for one in others):
            all_others_are_written.set()
        return reply

    monkeypatch.setattr(there.bench.fake, "reply_to", wait_for_others)
    drain()
    assert all(there.bench.held(target).watched for _, target in marked)
    assert there.owed() == []
