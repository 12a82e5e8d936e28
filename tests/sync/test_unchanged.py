"""What is left out of a page as unchanged: only what would bring nothing."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import DateTime, delete, select, update

from mydia_web.backends.values import LibraryPage, RemoteItem, RemoteShow, RemoteState
from mydia_web.clock import now
from mydia_web.db import begin_write, db, has_one_writer
from mydia_web.library.models import Artwork, Episode, ExternalId, MediaItem
from mydia_web.playback import mark_unwatched, mark_watched, save_progress
from mydia_web.playback.models import PlaybackProgress
from mydia_web.queue.models import QueuedChange
from mydia_web.sources.accounts import accounts_of
from mydia_web.sources.models import SourceItem, SourceItemEpisode, SourceItemState
from mydia_web.sync.inbound.pull import AccountPull
from mydia_web.sync.inbound.report import Report
from tests.cast import add_server

SEEN = datetime(2026, 11, 1, 20, 15, tzinfo=UTC)
WATCHED = RemoteState(watched=True, play_count=1, last_played_at=SEEN)
SHOW = RemoteShow(
    title="The Long Orbit", year=2019, external_ids={"tvdb": "77"}, artwork_url="poster-of-show"
)
SOLARIS = RemoteItem(
    remote_id="movie:1",
    kind="movie",
    title="Solaris",
    external_ids={"imdb": "tt0069293"},
    year=1972,
    runtime_seconds=9960,
    path="/films/Solaris.mkv",
    versions=("version:1",),
    artwork_url="poster-of-film",
    state=WATCHED,
)
STALKER = replace(
    SOLARIS, remote_id="movie:2", title="Stalker", external_ids={"imdb": "tt0079944"}, versions=()
)
OWN_ID = RemoteItem(
    remote_id="episode:1",
    kind="episode",
    title="Chapter 1",
    external_ids={"tvdb": "1001"},
    runtime_seconds=2700,
    show=SHOW,
    season_number=1,
    episode_number=1,
    air_date=date(2019, 3, 1),
    path="/shows/1.mkv",
    artwork_url="still",
    state=WATCHED,
)
ID_OF_SHOW = replace(
    OWN_ID, remote_id="episode:5", external_ids={}, episode_number=5, path="/shows/5.mkv"
)
DOUBLE = replace(
    OWN_ID,
    remote_id="episode:7",
    external_ids={"tvdb": "1007"},
    episode_number=7,
    further_episodes=(8,),
    path="/shows/7.mkv",
)
OTHER_SHOW = replace(
    OWN_ID,
    remote_id="episode:99",
    external_ids={"tvdb": "2001"},
    show=RemoteShow(title="Dark", year=2017, external_ids={"tvdb": "78"}),
)
BEGUN = replace(
    STALKER,
    remote_id="movie:3",
    title="Mirror",
    external_ids={"imdb": "tt0072443"},
    state=RemoteState(watched=False, position_ms=600_000),
)
STATELESS = replace(
    STALKER, remote_id="movie:4", title="Nostalgia", external_ids={"imdb": "tt4"}, state=None
)
PAGE = (SOLARIS, STALKER, OWN_ID, ID_OF_SHOW, DOUBLE, OTHER_SHOW, BEGUN, STATELESS)


@pytest.fixture
def pulls(alice) -> Callable[[], AccountPull]:
    """Complete readings of alice's server, which was read before."""
    server = add_server("Attic", alice, kind="kodi")
    db.session.commit()
    begin_write()
    [account] = accounts_of(server.id)

    def complete() -> AccountPull:
        return AccountPull(server, account, Report(), is_complete=True)

    first = complete()
    first.take(page(PAGE), now() - timedelta(minutes=10))
    first.finish()
    db.session.commit()
    return complete


def page(items: Any) -> LibraryPage:
    return LibraryPage(items=items, done=len(items), total=len(items))


def changed(pulls: Callable[[], AccountPull], items: Any) -> set[str]:
    db.session.commit()
    return {item.remote_id for item in pulls().changes_on(page(items)).items}


def test_a_page_that_was_read_before_is_unchanged(pulls):
    assert changed(pulls, PAGE) == set()


def test_a_reading_without_a_person_looks_at_titles_only(pulls):
    pull = pulls()
    pull.act = pull.account_id = None
    items = [replace(SOLARIS, state=None), replace(STALKER, path="/moved.mkv", state=None)]
    assert [item.remote_id for item in pull.changes_on(page(items)).items] == ["movie:2"]


#: What is otherwise on the server: the item as it was, and what of it is new.
THERE: dict[str, tuple[RemoteItem, dict[str, Any]]] = {
    "a new title": (
        SOLARIS,
        {"remote_id": "movie:77", "external_ids": {"imdb": "tt77"}, "title": "New"},
    ),
    "another copy": (SOLARIS, {"remote_id": "movie:77"}),
    "another file": (SOLARIS, {"path": "/films/Solaris (1972).mkv"}),
    "no file": (OWN_ID, {"path": ""}),
    "one more id": (SOLARIS, {"external_ids": {"imdb": "tt0069293", "tmdb": "593"}}),
    "another title under its id": (
        SOLARIS,
        {"external_ids": {"imdb": "tt0307479"}, "title": "Other"},
    ),
    "a known title under its id": (SOLARIS, {"external_ids": STALKER.external_ids}),
    "an episode under the id of a film": (SOLARIS, {"kind": "episode", "show": SHOW}),
    "no ids": (SOLARIS, {"external_ids": {}}),
    "one more version": (SOLARIS, {"versions": ("version:1", "version:2")}),
    "the version of another": (STALKER, {"versions": ("version:1",)}),
    "unwatched": (SOLARIS, {"state": RemoteState(watched=False)}),
    "watched again": (SOLARIS, {"state": replace(WATCHED, play_count=2)}),
    "begun again": (SOLARIS, {"state": replace(WATCHED, position_ms=900_000)}),
    "further on": (BEGUN, {"state": RemoteState(watched=False, position_ms=900_000)}),
    "finished": (BEGUN, {"state": WATCHED}),
    "another date": (OWN_ID, {"state": replace(WATCHED, last_played_at=SEEN + timedelta(hours=1))}),
    "a first state": (STATELESS, {"state": WATCHED}),
    "one more id of an episode": (OWN_ID, {"external_ids": {"tvdb": "1001", "imdb": "tt1001"}}),
    "an id of an episode that had none": (ID_OF_SHOW, {"external_ids": {"tvdb": "1005"}}),
    "another number": (ID_OF_SHOW, {"episode_number": 6}),
    "another season": (ID_OF_SHOW, {"season_number": 2}),
    "another show": (ID_OF_SHOW, {"show": replace(SHOW, external_ids={"tvdb": "78"})}),
    "one more id of the show": (
        ID_OF_SHOW,
        {"show": replace(SHOW, external_ids={"tvdb": "77", "imdb": "tt77"})},
    ),
    "a show without ids": (ID_OF_SHOW, {"show": replace(SHOW, external_ids={})}),
    "one more episode in the file": (OWN_ID, {"further_episodes": (2,)}),
    "another episode in the file": (DOUBLE, {"further_episodes": (9,)}),
    "no more than one in the file": (DOUBLE, {"further_episodes": ()}),
    "another number of the file": (DOUBLE, {"episode_number": 6}),
}


@pytest.mark.parametrize("case", THERE)
def test_what_is_new_on_the_server_is_noticed(pulls, case):
    item, values = THERE[case]
    new = replace(item, **values)
    items = [new if one is item else one for one in PAGE]
    assert new.remote_id in changed(pulls, items)
    assert_what_is_left_out_brings_nothing(pulls, items)


def content(item: RemoteItem) -> Any:
    row = db.session.scalars(select(SourceItem).where(SourceItem.remote_id == item.remote_id)).one()
    if row.episode_id is not None:
        return db.session.get_one(Episode, row.episode_id)
    return db.session.get_one(MediaItem, row.media_item_id)


def blank(item: RemoteItem, **values: Any) -> Callable[[int], None]:
    def forget(_user_id: int) -> None:
        for name, value in values.items():
            setattr(content(item), name, value)

    return forget


def blank_show(**values: Any) -> Callable[[int], None]:
    def forget(_user_id: int) -> None:
        db.session.execute(update(MediaItem).where(MediaItem.title == SHOW.title).values(values))

    return forget


def state_of(item: RemoteItem) -> Any:
    return SourceItemState.source_item_id.in_(
        select(SourceItem.id).where(SourceItem.remote_id == item.remote_id)
    )


def mark_here(user_id: int, *, is_owed: bool) -> None:
    mark_watched(user_id, content(BEGUN))
    if not is_owed:
        db.session.execute(delete(QueuedChange))


def unmark_here(user_id: int) -> None:
    mark_unwatched(user_id, content(OWN_ID))
    db.session.execute(delete(QueuedChange))


def save_here(user_id: int) -> None:
    save_progress(user_id, content(BEGUN), position_seconds=1200, duration_seconds=9960)
    db.session.execute(delete(QueuedChange))


def forget_here(_user_id: int) -> None:
    db.session.execute(
        delete(PlaybackProgress).where(PlaybackProgress.media_item_id == content(SOLARIS).id)
    )


def owe_what_agrees(user_id: int) -> None:
    mark_here(user_id, is_owed=True)
    state = {"watched": True, "position_ms": 0, "play_count": 1, "last_played_at": SEEN}
    db.session.execute(update(SourceItemState).where(state_of(BEGUN)).values(state))


def wait_unmatched(user_id: int) -> None:
    owe_what_agrees(user_id)
    failed = {"status": "failed", "error_class": "unmatched", "next_attempt_at": None}
    db.session.execute(update(QueuedChange).values(failed))


def know_since_now(_user_id: int) -> None:
    db.session.execute(update(SourceItemEpisode).values(since=now()))


#: What is otherwise here: the item that brings something now, as the server shows it, and what
#: happens here.
HERE: dict[str, tuple[RemoteItem, Callable[[int], None]]] = {
    "no runtime of a film": (SOLARIS, blank(SOLARIS, runtime_seconds=None)),
    "no year": (SOLARIS, blank(SOLARIS, year=None)),
    "no picture of a film": (SOLARIS, blank(SOLARIS, artwork_key=None)),
    "no runtime of an episode": (OWN_ID, blank(OWN_ID, runtime_seconds=None)),
    "no title of an episode": (OWN_ID, blank(OWN_ID, title="")),
    "no date of an episode": (OWN_ID, blank(OWN_ID, air_date=None)),
    "no picture of an episode": (OWN_ID, blank(OWN_ID, artwork_key=None)),
    "no picture of the show": (OWN_ID, blank_show(artwork_key=None)),
    "no year of the show": (ID_OF_SHOW, blank_show(year=None)),
    "marked, with nothing owed": (BEGUN, lambda user_id: mark_here(user_id, is_owed=False)),
    "marked, and owed": (BEGUN, lambda user_id: mark_here(user_id, is_owed=True)),
    "unmarked, with nothing owed": (OWN_ID, unmark_here),
    "further on, with nothing owed": (BEGUN, save_here),
    "nothing known of it": (SOLARIS, forget_here),
    "owed what it shows": (replace(BEGUN, state=WATCHED), owe_what_agrees),
    "a change that waited for its title": (replace(BEGUN, state=WATCHED), wait_unmatched),
    "no base": (
        SOLARIS,
        lambda _: db.session.execute(delete(SourceItemState).where(state_of(SOLARIS))),
    ),
    "told, and not listed since": (
        SOLARIS,
        lambda _: db.session.execute(
            update(SourceItemState).where(state_of(SOLARIS)).values(is_listed=False)
        ),
    ),
    "an id forgotten": (
        SOLARIS,
        lambda _: db.session.execute(delete(ExternalId).where(ExternalId.value == "tt0069293")),
    ),
    "an episode in a file known since": (DOUBLE, know_since_now),
    "no episode in a file known": (DOUBLE, lambda _: db.session.execute(delete(SourceItemEpisode))),
}


@pytest.mark.parametrize("case", HERE)
def test_what_is_otherwise_here_is_noticed(pulls, alice, case):
    shown, happens = HERE[case]
    begin_write()
    happens(alice.id)
    items = [shown if one.remote_id == shown.remote_id else one for one in PAGE]
    assert shown.remote_id in changed(pulls, items)
    assert_what_is_left_out_brings_nothing(pulls, items)


def test_what_a_person_said_an_item_is_needs_no_ids(pulls):
    db.session.execute(
        update(SourceItem).where(SourceItem.remote_id == "movie:1").values(matched_by_hand=True)
    )
    assert changed(pulls, [replace(SOLARIS, external_ids={}, title="Whatever")]) == set()


def test_all_of_a_show_goes_along_with_a_changed_episode_and_no_other_title(pulls):
    items = [
        one if one is not OWN_ID else replace(OWN_ID, state=RemoteState(watched=False))
        for one in PAGE
    ]
    assert changed(pulls, items) == {"episode:1", "episode:5", "episode:7"}


def test_nothing_that_a_source_shows_otherwise_than_we_hold_is_left_untold(pulls, alice):
    begin_write()
    mark_here(alice.id, is_owed=False)
    db.session.commit()
    begin_write()
    pull = pulls()
    pull.take(pull.changes_on(page(PAGE)), now())
    assert pull.report.owed == 1


def assert_what_is_left_out_brings_nothing(pulls: Callable[[], AccountPull], items: Any) -> None:
    """Whether the whole page is taken or what has changed on it: all tables stand the same."""
    asked_at, found = now(), []
    for is_whole in (True, False):
        db.session.rollback()
        begin_write()
        pull = pulls()
        pull.take(page(items) if is_whole else pull.changes_on(page(items)), asked_at)
        pull.finish()
        db.session.flush()
        found.append((everything(), pull.report.message, pull.added))
        db.session.rollback()
    assert found[0] == found[1]


def everything() -> dict[str, list[Any]]:
    """All rows, but for when they were written; where numbers are not given again, without
    numbers.
    """
    tables = [one for one in db.metadata.sorted_tables if one is not Artwork.__table__]
    return {table.name: rows_of(table) for table in tables}


def rows_of(table: Any) -> list[Any]:
    columns = [
        one
        for one in table.columns
        if not isinstance(getattr(one.type, "impl", one.type), DateTime)
    ]
    if not has_one_writer():
        columns = [one for one in columns if not one.primary_key and not one.foreign_keys]
    return (
        sorted(repr(tuple(row)) for row in db.session.execute(select(*columns))) if columns else []
    )
