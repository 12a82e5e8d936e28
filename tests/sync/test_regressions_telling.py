"""Cases in which other tools told a server too much, too little, or nothing at all and said it was
done.

Each names where somebody was hurt by it.
"""

import re
from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient

from mydia_web.backends.errors import BackendError
from mydia_web.library.models import MediaItem
from mydia_web.playback import get_progress, mark_unwatched, mark_watched
from mydia_web.queue.agreement import copy_statuses
from mydia_web.sources.accounts import get_source
from tests.conftest import PASSWORD
from tests.sync.household import Household, Server, heat, plays_of, queue

FINISHED = datetime(2026, 11, 20, 21, 8, tzinfo=UTC)


@pytest.fixture
def attic(household: Household) -> Server:
    """A Jellyfin."""
    return household.add("jellyfin", "Attic")


def is_watched(server: Server, target: object) -> bool:
    return bool(server.bench.held(target).watched)


def the_only_film() -> MediaItem:
    return heat()


NO_NEWS = ("applied: nothing new", "ignored: The server has told newer news of it already.")
ECHOES = {
    "plex": ("media.scrobble", {"Account": {"title": "alice"}}),
    "jellyfin": (
        "UserDataSaved",
        {"NotificationUsername": "alice", "SaveReason": "UpdateUserData"},
    ),
    "emby": ("item.markplayed", {"User": {"Name": "alice"}}),
}


def echo(kind: str, target, at: datetime) -> dict[str, object]:
    """What the server sends of a mark that we have set there."""
    event, who = ECHOES[kind]
    if kind == "plex":
        told = {"type": "movie", "ratingKey": target.remote_id, "title": "Heat", "viewCount": 1}
        return {"event": event, **who, "Metadata": {**told, "lastViewedAt": int(at.timestamp())}}
    if kind == "emby":
        told = {"Type": "Movie", "Id": target.remote_id, "Name": "Heat"}
        return {"Event": event, **who, "Item": told, "Date": at.isoformat()}
    told = {
        "ItemType": "Movie",
        "ItemId": target.remote_id,
        "Name": "Heat",
        "Played": True,
        "PlayCount": 1,
    }
    dates = {"LastPlayedDate": at.isoformat(), "UtcTimestamp": at.isoformat()}
    return {"NotificationType": event, **who, **told, **dates, "PlaybackPositionTicks": 0}


@pytest.mark.parametrize("kind", sorted(ECHOES))
def test_our_own_mark_that_a_server_reports_back_is_no_second_play(household, alice, kind):
    """PlexTraktSync #865: what it had marked itself came back as news and was counted again."""
    server = household.add(kind, "There")
    target = server.has_heat()
    den = household.add("kodi", "Den")
    den.has_heat()
    household.settle()
    at = datetime.now(UTC).replace(microsecond=0)
    mark_watched(alice.id, heat(), at=at)
    household.drain()
    before = [(row.source_id, row.intent_seq, row.status) for row in queue()]
    assert server.sends(echo(kind, target, at)) in NO_NEWS
    assert plays_of(alice, heat()) == [at]
    assert [(row.source_id, row.intent_seq, row.status) for row in queue()] == before


@pytest.mark.parametrize("kind", ["jellyfin", "emby", "plex", "kodi"])
def test_a_server_that_never_shows_the_mark_is_not_written_to_for_ever(household, alice, kind):
    """jellyfin-plugin-trakt #226: a title that was never reported as watched got a hundred
    plays.
    """
    server = household.add(kind, "There")
    target = server.has_heat()
    server.pull()
    server.fake.ignores_changes = True
    mark_watched(alice.id, heat())
    written = []
    for _ in range(5):
        household.drain()
        household.later(hours=1)
        server.pull()
        written.append(len(server.bench.writes()))
    [row] = queue()
    assert (row.status, row.error_class, row.next_attempt_at) == ("failed", "unconfirmed", None)
    assert "then did not show it" in row.error_message
    assert row.attempt_count == 3
    assert 0 < written[0] < written[2] == written[-1]
    assert get_source(server.source_id).pause_reason is None
    assert get_progress(alice.id, heat()).watched
    assert not is_watched(server, target)


def test_three_failed_writes_give_up_nothing(household, attic, alice):
    """CrossWatch: after three failures a change was put aside for 30 days, though the server was
    well again.
    """
    target = attic.has_heat()
    attic.pull()
    mark_watched(alice.id, heat())
    attic.fake.fail_next(500, path="/UserData", times=3)
    for _ in range(3):
        household.drain()
        household.later(minutes=2)
    assert not is_watched(attic, target)
    household.drain()
    assert is_watched(attic, target)


def test_ids_reach_the_server_as_they_came(household, attic, alice):
    """CrossWatch: letters were cut out of Jellyfin's ids, and every request went to a title that is
    none.
    """
    target = attic.has_heat()
    assert re.search("[a-f]", target.remote_id)
    attic.bench.person_watches(target, FINISHED)
    attic.pull()
    mark_unwatched(alice.id, heat())
    household.drain()
    assert attic.bench.writes() == [
        f"DELETE /UserPlayedItems/{target.remote_id}?userId={attic.bench.alice.id}"
    ]
    assert not is_watched(attic, target)


def test_two_servers_of_one_kind_tell_each_other(household, attic):
    """CrossWatch: two Jellyfins as a pair did nothing and said "ok"."""
    cellar = household.add("jellyfin", "Cellar")
    here, there = attic.has_heat(), cellar.has_heat()
    attic.bench.person_watches(here, FINISHED)
    household.settle()
    assert (is_watched(attic, here), is_watched(cellar, there)) == (True, True)


def two_films(*servers: Server) -> list[tuple[object, ...]]:
    """On each of the servers; for each film where it is."""
    return [
        tuple(server.bench.add_movie(title, imdb=imdb)[0] for server in servers)
        for title, imdb in (("Alien", "tt0078748"), ("Brazil", "tt0088846"))
    ]


def films() -> list[MediaItem]:
    return [MediaItem.query.filter_by(title=title).one() for title in ("Alien", "Brazil")]


def test_a_server_that_asks_to_wait_is_waited_for_and_loses_none_of_its_writes(
    household, attic, alice
):
    """JellyPlex-Watched: one 429 among the writes, and the rest was dropped."""
    cellar = household.add("emby", "Cellar")
    both = two_films(attic, cellar)
    household.settle()
    attic.fake.fail_next(429, headers={"Retry-After": "120"}, path="/UserData")
    for film in films():
        mark_watched(alice.id, film)
    household.drain(limit=None)
    # Jellyfin takes up to four at a time: the second may have been under way.
    assert [is_watched(cellar, there) for _, there in both] == [True, True]
    assert not all(is_watched(attic, here) for here, _ in both)
    asked = len(attic.fake.requests)
    household.later(seconds=100)
    household.drain()
    assert len(attic.fake.requests) == asked
    household.later(seconds=30)
    household.drain()
    assert [is_watched(attic, here) for here, _ in both] == [True, True]
    assert {(row.status, row.attempt_count) for row in queue()} <= {("synced", 0), ("synced", 1)}


def test_one_of_three_servers_that_is_down_keeps_the_other_two_from_nothing(
    household, attic, alice
):
    """JellyPlex-Watched: one server down, and the whole run died for all."""
    dead = household.add("jellyfin", "Dead")
    den = household.add("kodi", "Den")
    here, _, there = (server.has_heat() for server in (attic, dead, den))
    household.settle()
    dead.fake.close()
    attic.bench.person_watches(here, FINISHED)
    attic.pull()
    with pytest.raises(BackendError):
        dead.pull()
    den.pull()
    household.drain()
    assert is_watched(den, there)
    assert [row.status for row in queue()] == ["failed", "synced"]


def test_a_server_that_was_off_for_a_month_hears_all_when_it_is_back(household, attic, alice):
    """watchstate: a server that was down at the push and at the next export never heard of it."""
    den = household.add("kodi", "Den")
    here, there = attic.has_heat(), den.has_heat()
    household.settle()
    den.fake.down()
    attic.bench.person_watches(here, FINISHED)
    attic.pull()
    for _ in range(30):
        household.drain()
        household.later(days=1)
    with pytest.raises(BackendError):
        den.pull()
    [row] = queue()
    assert row.next_attempt_at is not None
    den.fake.up()
    household.later(days=1)
    household.drain()
    assert is_watched(den, there)


def test_watch_unwatch_watch_at_once_sends_the_last_only(
    household, attic, alice, client: FlaskClient
):
    """Reel: rows that a newer one had overtaken stayed pending, and the older state was sent after
    the newer.
    """
    target = attic.has_heat()
    attic.pull()
    client.post("/login", data={"name": "alice", "password": PASSWORD})
    address = f"/movies/{heat().id}/watched"
    for way in (client.post, client.delete, client.post):
        assert way(address).status_code == 303
    household.drain()
    assert len(attic.bench.writes()) == 1
    assert is_watched(attic, target)
    assert [row.status for row in queue()] == ["synced"]


def test_a_title_that_is_not_on_the_server_is_never_shown_as_delivered(household, attic, alice):
    """CrossWatch #654: reported as synced, after a 404."""
    target = attic.has_heat()
    attic.pull()
    mark_watched(alice.id, heat())
    attic.bench.remove(target)
    household.drain()
    [row] = queue()
    assert (row.status, row.error_class) == ("failed", "unmatched")
    assert [one.sync for one in copy_statuses(alice.id, heat())] == ["needs you"]
    attic.has_heat()
    attic.pull()
    household.drain()
    assert [one.sync for one in copy_statuses(alice.id, heat())] == ["delivered"]
