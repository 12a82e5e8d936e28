"""Cases in which other tools lost or invented what was watched: what several servers say of one
film.

Each names where somebody was hurt by it.
"""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from sqlalchemy import update

from mydia_web.backends.values import LibraryPage, RemoteItem, RemoteState
from mydia_web.clock import now
from mydia_web.db import begin_write, db
from mydia_web.playback import get_progress, mark_unwatched
from mydia_web.playback.continue_watching import continue_watching
from mydia_web.sources.accounts import accounts_of, get_source
from mydia_web.sources.models import SourceItemState
from mydia_web.sync.inbound.inbox import apply_events
from mydia_web.sync.inbound.pull import AccountPull
from mydia_web.sync.inbound.report import Report
from tests.backends.jellyfin.bench import JellyfinBench
from tests.sync.household import HEAT, Household, Server, heat, plays_of, queue

MINUTE = 60_000
HOUR = 60 * MINUTE
FINISHED = datetime(2026, 11, 20, 21, 8, tzinfo=UTC)
LAST_YEAR = datetime(2025, 11, 20, 20, 0, tzinfo=UTC)


@pytest.fixture
def attic(household: Household) -> Server:
    """A Jellyfin."""
    return household.add("jellyfin", "Attic")


def state(server: Server, target: object) -> tuple[bool, int]:
    held = server.bench.held(target)
    return held.watched, held.position_ms


@pytest.mark.parametrize("kind", ["emby", "plex", "kodi"])
def test_a_film_that_is_new_on_another_server_arrives_watched_and_unwatches_nothing(
    household, attic, alice, kind
):
    """watchstate #329: an item new to server B overrode "watched" on A."""
    here = attic.has_heat()
    attic.bench.person_watches(here, FINISHED)
    attic.pull()
    other = household.add(kind, "Other")
    there = other.has_heat()
    household.settle()
    assert state(other, there) == (True, 0)
    assert get_progress(alice.id, heat()).watched
    assert attic.bench.writes() == []


@pytest.mark.parametrize("kind", ["jellyfin", "kodi"])
def test_a_file_that_is_replaced_is_still_watched(household, alice, kind):
    """watchstate #205: a file replaced by a better one was marked unplayed."""
    server = household.add(kind, "There")
    old = server.has_heat()
    server.bench.person_watches(old, FINISHED)
    server.pull()
    server.bench.remove(old)
    [new] = server.bench.add_movie("Heat.2160p" if kind == "kodi" else "Heat (Remastered)", **HEAT)
    household.settle()
    assert get_progress(alice.id, heat()).watched
    assert plays_of(alice, heat()) == [FINISHED]
    assert state(server, new) == (True, 0)


ADDED = {
    "jellyfin": {
        "NotificationType": "ItemAdded",
        "ItemType": "Movie",
        "Name": "Heat",
        "Played": False,
    }
    | {"PlaybackPositionTicks": 0, "NotificationUsername": "alice"},
    "plex": {"event": "library.new", "Account": {"id": 1, "title": "alice"}}
    | {"Metadata": {"type": "movie", "title": "Heat", "viewCount": 0, "viewOffset": 0}},
    "emby": {
        "Event": "library.new",
        "User": {"Name": "alice"},
        "Item": {"Type": "Movie", "Name": "Heat"},
    },
}


@pytest.mark.parametrize("kind", sorted(ADDED))
def test_news_that_a_file_was_added_says_nothing_of_watching(household, alice, kind):
    """watchstate #205 and #859: `ItemAdded` and `library.new` were taken for "unplayed"."""
    server = household.add(kind, "There")
    target = server.has_heat()
    server.bench.person_watches(target, FINISHED)
    server.pull()
    payload = ADDED[kind]
    ids = {"jellyfin": {"ItemId": target.remote_id}, "plex": {}, "emby": {}}[kind]
    for part, name in (("Metadata", "ratingKey"), ("Item", "Id")):
        if part in payload:
            payload = {**payload, part: {**payload[part], name: target.remote_id}}
    assert server.sends({**payload, **ids}).startswith("ignored")
    assert get_progress(alice.id, heat()).watched
    assert queue() == []


@pytest.mark.parametrize("order", permutations(range(2)))
def test_an_older_half_watched_copy_in_another_time_zone_loses(household, attic, alice, order):
    """JellyPlex-Watched #327 and #322: a finished film was reset to half watched by a time that was
    no UTC.
    """
    kodi = household.add("kodi", "In New York")
    here, there = attic.has_heat(), kodi.has_heat()
    attic.bench.person_watches(here, FINISHED)
    kodi.bench.person_stops_at(there, 40 * MINUTE, FINISHED - timedelta(minutes=38))
    for number in order:
        household.servers[number].pull()
        household.drain()
    household.settle()
    assert [state(attic, here), state(kodi, there)] == [(True, 0), (True, 0)]
    assert plays_of(alice, heat()) == [FINISHED]


def test_a_film_finished_elsewhere_leaves_continue_watching_everywhere(household, attic, alice):
    """watchstate #840: finished on Emby, and still in Jellyfin's Continue Watching."""
    emby = household.add("emby", "Cellar")
    here, there = attic.has_heat(), emby.has_heat()
    attic.bench.person_stops_at(here, HOUR, FINISHED - timedelta(days=1))
    household.settle()
    assert state(emby, there) == (False, HOUR)
    assert continue_watching(alice.id)
    emby.bench.person_watches(there, FINISHED)
    household.settle()
    assert state(attic, here) == (True, 0)
    assert continue_watching(alice.id) == []


def test_an_unwatching_on_plex_is_not_brought_back_by_trakts_plays(household, alice):
    """PlexTraktSync #10: what was unwatched on Plex came back from Trakt. History and Trakt keep
    the plays.
    """
    plex, trakt = household.add("plex"), household.add("trakt")
    on_plex, on_trakt = plex.has_heat(), trakt.has_heat()
    for server, target in ((plex, on_plex), (trakt, on_trakt)):
        server.bench.person_watches(target, FINISHED)
    household.settle()
    plex.bench.person_unwatches(on_plex)
    plex.pull()
    trakt.pull()
    household.settle()
    assert state(plex, on_plex) == (False, 0)
    assert get_progress(alice.id, heat()) is None
    assert plays_of(alice, heat()) == [FINISHED]
    assert trakt.bench.held(on_trakt).play_count == 1
    assert [trakt.pull(is_sweep=is_sweep).news for is_sweep in (False, True)] == ["nothing new"] * 2


def test_a_person_who_unwatches_here_takes_trakts_plays_away(household, alice):
    trakt = household.add("trakt")
    target = trakt.has_heat()
    trakt.bench.person_watches(target, FINISHED)
    household.settle()
    begin_write()
    mark_unwatched(alice.id, heat())
    db.session.commit()
    household.settle()
    assert not trakt.bench.held(target).watched


def test_a_film_played_again_42_seconds_after_it_was_watched_is_a_rewatch(household, attic, alice):
    """CrossWatch #689: a replay was blocked by a tolerance of 30 s."""
    kodi = household.add("kodi", "Den")
    here, there = attic.has_heat(), kodi.has_heat()
    household.settle()
    _read_long_ago()
    at = now()
    attic.sends(report(here, event="watched", at=at), kind="generic")
    again = report(here, event="progress", at=at + timedelta(seconds=42), position_seconds=600)
    attic.sends(again, kind="generic")
    progress = get_progress(alice.id, heat())
    assert (progress.watched, progress.in_progress, progress.position_seconds) == (True, True, 600)
    household.drain()
    assert state(kodi, there) == (True, 10 * MINUTE)


def test_news_that_comes_in_faster_than_it_is_applied_is_all_applied(household, attic, alice):
    """A server sends several events within a moment; each is older than the time at which the one
    before is applied.
    """
    target = attic.has_heat()
    attic.pull()
    _read_long_ago()
    at = now() - timedelta(hours=1)
    position = report(target, event="progress", at=at, position_seconds=600)
    for said in (position, report(target, event="watched", at=at + timedelta(hours=1))):
        attic.sends(said, kind="generic", is_applied=False)
    apply_events()
    assert get_progress(alice.id, heat()).watched


def test_news_that_came_in_while_a_page_was_taken_in_is_newer_than_the_page(
    household, attic, alice
):
    """watchstate: what changed while a library was read was older than the time of the import, and
    lost.
    """
    target = attic.has_heat()
    source, page = (
        get_source(attic.source_id),
        LibraryPage(items=[seen_as(target)], done=1, total=1),
    )
    [account] = accounts_of(source.id)
    asked_at = now()
    attic.sends(report(target, event="watched", at=now()), kind="generic", is_applied=False)
    db.session.commit()
    begin_write()
    AccountPull(source, account, Report()).take(page, asked_at)
    db.session.commit()
    apply_events()
    assert get_progress(alice.id, heat()).watched


def seen_as(target):
    """The film in a listing, not watched."""
    known = {"external_ids": {"imdb": "tt0113277"}, "year": 1995}
    return RemoteItem(
        remote_id=target.remote_id,
        kind="movie",
        title="Heat",
        **known,
        state=RemoteState(watched=False),
    )


def _read_long_ago() -> None:
    """What was read within the second is no older than what is told of that second."""
    db.session.execute(update(SourceItemState).values(seen_at=now() - timedelta(hours=2)))
    db.session.commit()


def report(target, *, at, **said):
    """One of our own webhooks, about Heat."""
    of = {"type": "movie", "id": target.remote_id, "title": "Heat", "user": "alice"}
    return {**of, "at": at.isoformat(), "duration_seconds": 10_200, **said}


def test_five_plays_survive_a_rewatch_on_another_server(household, attic, alice):
    """JellyPlex-Watched: after a rewatch elsewhere, Jellyfin's play count fell from 5 to 0 and its
    mark was gone.
    """
    kodi = household.add("kodi", "Den")
    here, there = attic.has_heat(), kodi.has_heat()
    for months in range(5):
        attic.bench.person_watches(here, LAST_YEAR + timedelta(days=30 * months))
    household.settle()
    kodi.bench.person_stops_at(there, 10 * MINUTE, FINISHED)
    household.settle()
    held = attic.bench.held(here)
    assert (held.watched, held.play_count, held.position_ms) == (True, 5, 10 * MINUTE)
    assert kodi.bench.held(there).watched


def test_a_play_of_two_days_ago_is_history_and_undoes_no_newer_unwatching(household, attic, alice):
    """script.trakt #282: plays on a flight came late, or never."""
    tablet = household.add("kodi", "Tablet")
    here, there = attic.has_heat(), tablet.has_heat()
    attic.bench.person_watches(here, LAST_YEAR)
    household.settle()
    mark_unwatched(alice.id, heat())
    household.drain()
    flight = now().replace(microsecond=0) - timedelta(days=2)
    tablet.bench.person_watches(there, flight)
    household.settle()
    assert get_progress(alice.id, heat()) is None
    assert plays_of(alice, heat()) == [LAST_YEAR, flight]
    assert [state(attic, here), state(tablet, there)] == [(False, 0), (False, 0)]


@pytest.mark.parametrize("kind", ["plex", "kodi"])
def test_half_an_hour_sought_back_an_hour_later_is_followed(household, attic, alice, kind):
    """watchstate: a deliberate rewind or restart is never sent on."""
    other = household.add(kind, "Other")
    here, there = attic.has_heat(), other.has_heat()
    attic.bench.person_stops_at(here, HOUR, FINISHED)
    household.settle()
    attic.bench.person_stops_at(here, HOUR // 2, FINISHED + timedelta(hours=1))
    household.settle()
    assert get_progress(alice.id, heat()).position_seconds == 1800
    watched, position = state(other, there)
    assert not watched
    assert abs(position - HOUR // 2) < other.bench.grain_ms


@pytest.mark.parametrize("kind", ["plex", "kodi"])
def test_the_zero_of_a_crashed_player_is_not_followed(household, attic, alice, kind):
    """watchstate and CrossWatch: a position of 0 that nobody wanted overwrites the real one."""
    other = household.add(kind, "Other")
    here, there = attic.has_heat(), other.has_heat()
    other.bench.person_stops_at(there, HOUR, FINISHED)
    household.settle()
    other.bench.person_stops_at(there, 0, FINISHED + timedelta(hours=1))
    household.settle()
    assert get_progress(alice.id, heat()).position_seconds == 3600
    assert state(attic, here) == (False, HOUR)


def test_a_rewatch_that_was_given_up_takes_no_mark_away(household, attic, alice):
    """Jellyfin before 12 takes the mark away when a watched film is begun again: nobody has
    unwatched it.
    """
    old = household.add("jellyfin", "Old", JellyfinBench("10.11.11"))
    here, there = attic.has_heat(), old.has_heat()
    old.bench.person_watches(there, LAST_YEAR)
    household.settle()
    begun_again = old.bench._title(there).state(old.bench.alice.id)
    begun_again.played, begun_again.last_played = False, FINISHED
    begun_again.play_count += 1
    household.settle()
    household.settle()
    assert get_progress(alice.id, heat()).watched
    assert state(attic, here) == (True, 0)
    assert state(old, there) == (True, 0)
    assert plays_of(alice, heat()) == [LAST_YEAR]


def test_two_copies_of_one_film_are_one_film_watched(household, attic, alice):
    """A film in HD and in 4K was told to people as "2 watched"."""
    for copy in attic.bench.add_movie("Heat", **HEAT, copies=2):
        attic.bench.person_watches(copy, FINISHED)
    assert attic.pull().watched == 1
    assert plays_of(alice, heat()) == [FINISHED]
