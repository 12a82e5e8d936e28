"""Which of two changes is the newer one, and what all servers show in the end."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from mydia_web.clock import now
from mydia_web.db import begin_write, db
from mydia_web.playback import get_progress, mark_unwatched, mark_watched, save_progress
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.sources.accounts import accounts_of, get_source
from mydia_web.sync.clients import open_account
from mydia_web.sync.inbound.pull import AccountPull
from mydia_web.sync.inbound.report import Report
from mydia_web.sync.inbound.run_pull import run_pull
from mydia_web.sync.pulls import request_pull
from tests.sync.household import HEAT, Household, Server, heat, plays_of, queue

MINUTE = 60_000
LENGTH = HEAT["minutes"] * 60
KINDS = ["jellyfin", "emby", "plex", "kodi"]
LAST_YEAR = datetime(2025, 11, 20, 20, 0, tzinfo=UTC)


def shown(server: Server, target: object) -> tuple[bool, int]:
    held = server.bench.held(target)
    return held.watched, held.position_ms // 1000


def here(user) -> tuple[bool, int]:
    progress = get_progress(user.id, heat())
    return (progress.watched, progress.position_seconds) if progress else (False, 0)


@pytest.fixture
def two(household: Household):
    """Two servers of a kind that show Heat unwatched, and have been read."""

    def make(kind: str):
        first, second = (
            household.add(kind, "First"),
            household.add("emby" if kind != "emby" else "kodi", "Second"),
        )
        targets = first.has_heat(), second.has_heat()
        household.settle()
        return first, targets[0], second, targets[1]

    return make


def add_copy(server: Server) -> object:
    """Another file of Heat, which the server takes for a title of its own."""
    names = {"KodiBench": "Heat.2160p", "JellyfinBench": "Heat (Remastered)"}
    [target] = server.bench.add_movie(names.get(type(server.bench).__name__, "Heat"), **HEAT)
    return target


def watches_and_begins_again(server: Server, target: object, seconds: int, at: datetime) -> None:
    server.bench.person_watches(target, at - timedelta(minutes=1))
    server.bench.person_stops_at(target, seconds * 1000, at)


@pytest.mark.parametrize("kind", KINDS)
def test_a_newer_position_here_outlives_a_mark_with_an_older_one(household, two, alice, kind):
    first, target, second, other = two(kind)
    watches_and_begins_again(first, target, 944, now())
    household.later(seconds=4)
    save_progress(alice.id, heat(), position_seconds=3996, duration_seconds=LENGTH)
    db.session.commit()
    household.later(minutes=1)
    household.settle()
    household.settle()
    assert here(alice)[1] == 3996
    assert shown(first, target)[1] == 3996
    assert shown(second, other)[1] == 3996


@pytest.mark.parametrize("kind", KINDS)
def test_a_newer_position_there_with_a_mark_outlives_an_older_one_here(household, two, alice, kind):
    first, target, second, other = two(kind)
    save_progress(alice.id, heat(), position_seconds=724, duration_seconds=LENGTH)
    db.session.commit()
    household.later(seconds=6)
    watches_and_begins_again(first, target, 1007, now())
    household.later(minutes=1)
    household.settle()
    household.settle()
    assert here(alice) == (True, 1007)
    assert shown(first, target) == (True, 1007)
    assert shown(second, other) == (True, 1007)


@pytest.mark.parametrize("kind", KINDS)
def test_a_click_that_is_under_way_is_newer_than_a_page_that_was_asked_for_before_it(
    household, two, alice, kind
):
    """Also where it goes back: what the push sees before it writes is what the page has shown."""
    first, target, _, _ = two(kind)
    first.bench.person_stops_at(target, 26 * MINUTE, now())
    household.later(minutes=1)
    source, account = get_source(first.source_id), accounts_of(first.source_id)[0]
    with closing(open_account(source, account)) as backend:
        pages = list(backend.library())
    asked_at = now()
    household.later(seconds=1)
    save_progress(alice.id, heat(), position_seconds=600, duration_seconds=LENGTH)
    db.session.commit()
    begin_write()
    [claim] = PlaybackSyncRepository().mark_syncing(first.source_id, limit=1)
    db.session.commit()
    begin_write()
    pull = AccountPull(source, account, Report())
    for page in pages:
        pull.take(page, asked_at)
    pull.finish()
    PlaybackSyncRepository().mark_failed(
        claim.id, claim.claim_token, "", "transient", retry_at=now()
    )
    db.session.commit()
    household.settle()
    assert here(alice) == (False, 600)
    assert shown(first, target) == (False, 600)


def test_the_end_of_a_viewing_that_is_told_after_a_newer_position_is_one_play(household, alice):
    """Emby's messages come in any order, and a pull follows."""
    emby = household.add("emby", "Cellar")
    target = emby.has_heat()
    household.settle()
    ended_at, begun_at = now() - timedelta(hours=2), now() - timedelta(minutes=5)
    emby.bench.person_watches(target, ended_at)
    emby.bench.person_stops_at(target, 10 * MINUTE, begun_at)

    def told(event: str, at: datetime, **info: object) -> dict:
        return {
            "Event": event,
            "Date": at.isoformat(),
            "User": {"Name": "alice"},
            "Item": {"Type": "Movie", "Name": "Heat", "Id": target.remote_id},
            "PlaybackInfo": info,
        }

    emby.sends(
        told("playback.stop", begun_at, PositionTicks=600 * 10_000_000, PlayedToCompletion=False)
    )
    emby.sends(told("playback.stop", ended_at, PlayedToCompletion=True))
    assert len(plays_of(alice, heat())) == 1
    emby.pull()
    assert len(plays_of(alice, heat())) == 1
    assert here(alice) == (True, 600)
    household.drain()
    assert emby.bench.writes() == []


@pytest.mark.parametrize("kind", ["jellyfin", "emby"])
def test_a_finish_clears_the_position_though_it_adds_no_play(household, alice, kind):
    """Read while a rewatch has begun, at 20 %, and finished: the same start counts once."""
    server = household.add(kind, "There")
    target = server.has_heat()
    server.bench.person_watches(target, LAST_YEAR)
    household.settle()
    began_at = now()
    server.bench.person_stops_at(target, 0, began_at)
    household.settle()
    household.later(minutes=35)
    server.bench.person_stops_at(target, 34 * MINUTE, began_at)
    household.settle()
    assert here(alice) == (True, 34 * 60)
    household.later(minutes=130)
    server.bench.person_watches(target, began_at)
    household.settle()
    household.settle()
    assert here(alice) == (True, 0)
    assert shown(server, target) == (True, 0)
    assert len(plays_of(alice, heat())) == 2


def test_a_rewatch_that_was_broken_off_is_no_play(household, alice):
    jellyfin = household.add("jellyfin", "Attic")
    target = jellyfin.has_heat()
    jellyfin.bench.person_watches(target, LAST_YEAR)
    household.settle()
    title = jellyfin.bench._title(target)
    own = title.state(next(iter(title.states)))
    own.last_played = now()
    own.play_count += 1
    household.later(minutes=3)
    household.settle()
    assert len(plays_of(alice, heat())) == 1
    assert here(alice) == (True, 0)
    assert jellyfin.bench.writes() == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_that_is_new_is_marked_as_the_others_are(household, alice, kind):
    server = household.add(kind, "There")
    first = server.has_heat()
    server.bench.person_watches(first, LAST_YEAR)
    household.settle()
    mark_watched(alice.id, heat(), at=LAST_YEAR)
    household.later(days=1)
    second = add_copy(server)
    household.settle()
    assert shown(server, second) == (True, 0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("which", [0, 1])
def test_what_is_unwatched_of_one_copy_is_unwatched_of_all(household, alice, kind, which):
    server = household.add(kind, "There")
    copies = [server.has_heat(), add_copy(server)]
    household.settle()
    mark_watched(alice.id, heat(), at=LAST_YEAR)
    db.session.commit()
    household.drain()
    assert [shown(server, one) for one in copies] == [(True, 0)] * 2
    household.settle()
    household.later(days=1)
    server.bench.person_unwatches(copies[which])
    household.settle()
    household.settle()
    assert here(alice) == (False, 0)
    assert [shown(server, one) for one in copies] == [(False, 0)] * 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_complete_reading_heals_what_a_server_shows_otherwise(household, alice, kind):
    """What was told and taken is told again where it stands otherwise and nobody changed it."""
    server = household.add(kind, "There")
    target = server.has_heat()
    household.settle()
    save_progress(alice.id, heat(), position_seconds=1800, duration_seconds=LENGTH)
    db.session.commit()
    household.drain()
    swap_states(server, target, 1200)
    incremental(server)
    household.drain()
    assert shown(server, target) == (False, 1200)
    assert server.pull().healed == 1
    household.drain()
    assert shown(server, target) == (False, 1800)
    assert here(alice) == (False, 1800)


def swap_states(server: Server, target: object, seconds: int) -> None:
    """The server shows, and is known to show, another position than it was told."""
    from mydia_web.sources.models import SourceItemState  # noqa: PLC0415

    server.bench.person_stops_at(target, seconds * 1000, now())
    held = server.bench.held(target)
    for state in db.session.query(SourceItemState):
        state.position_ms = held.position_ms
        state.last_played_at = held.last_played_at
        state.play_count = held.play_count
    db.session.commit()


def incremental(server: Server) -> None:
    db.session.commit()
    begin_write()
    pull_id = request_pull(server.source_id).id
    db.session.commit()
    run_pull(pull_id)


@pytest.mark.parametrize("is_owed", [False, True])
def test_nothing_is_owed_to_a_server_for_what_it_told_itself(household, two, alice, is_owed):
    first, target, second, other = two("jellyfin")
    if is_owed:
        save_progress(alice.id, heat(), position_seconds=600, duration_seconds=LENGTH)
        db.session.commit()
        household.later(minutes=1)
    first.bench.person_watches(target, now())
    household.later(minutes=1)
    first.pull()
    assert [row.source_id for row in queue() if row.status != "synced"] == [second.source_id]
    household.drain()
    assert first.bench.writes() == []
    assert shown(second, other) == (True, 0)


def test_an_unmark_that_changes_nothing_here_is_newer_than_older_news(household, two, alice):
    first, target, _, _ = two("jellyfin")
    first.bench.person_watches(target, now() - timedelta(hours=3))
    mark_unwatched(alice.id, heat())
    db.session.commit()
    household.later(minutes=1)
    household.settle()
    assert here(alice) == (False, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_push_finds_changed_there_is_weighed_at_once(household, two, alice, kind):
    """No pull has to come between: the older position there is written over by the same drain."""
    first, target, _, _ = two(kind)
    household.later(hours=1)
    first.bench.person_stops_at(target, 1555_000, now() - timedelta(seconds=10))
    save_progress(alice.id, heat(), position_seconds=1792, duration_seconds=LENGTH)
    db.session.commit()
    household.drain()
    assert shown(first, target) == (False, 1792)
    assert {row.status for row in queue()} == {"synced"}


@pytest.mark.parametrize(
    "ahead", [timedelta(seconds=40), timedelta(hours=2), timedelta(days=365)], ids=str
)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("is_first", [True, False], ids=["first reading", "later reading"])
def test_a_play_that_is_dated_ahead_of_our_clock_is_one_of_now(
    household, alice, kind, ahead, is_first
):
    """Servers tell local time for UTC, and clocks are wrong: that says nothing of a play under
    way.
    """
    server = household.add(kind, "There")
    target = server.has_heat()
    if not is_first:
        household.settle()
    server.bench.person_watches(target, now() + ahead)
    household.settle()
    assert here(alice) == (True, 0)
    assert all(at is None or at <= now() for at in plays_of(alice, heat()))
