"""Files of several episodes: a server that lists one as its first episode tells of them all."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, func, select, update

from mydia_web.accounts.models import User
from mydia_web.backends.values import Connection, LibraryPage, RemoteItem, RemoteShow, RemoteState
from mydia_web.clock import now
from mydia_web.db import begin_write, db
from mydia_web.library.content import list_episodes
from mydia_web.library.models import Episode, MediaItem
from mydia_web.playback import (
    get_next_episode,
    get_progress,
    mark_unwatched,
    mark_watched,
    save_progress,
    undo,
)
from mydia_web.playback.models import Play, PlaybackProgress
from mydia_web.playback.undo import change_sets_of_pulls
from mydia_web.sources.accounts import accounts_of, add_source, get_source
from mydia_web.sources.linking import keep_sign_in, sign_in
from mydia_web.sources.matching import match_by_hand
from mydia_web.sources.models import SourceItem, SourceItemEpisode, SourceItemState, UnmatchedItem
from mydia_web.sync.inbound.pull import AccountPull
from mydia_web.sync.inbound.report import Report
from mydia_web.sync.inbound.run_pull import run_pull
from mydia_web.sync.pulls import request_pull
from tests.cast import episode_of
from tests.sync.household import Household, Server, plays_of, queue
from tests.sync.test_pull_cost import OF_THE_PULL_ITSELF, statements

SHOW = "Night Ferry"
SEEN = datetime(2026, 11, 1, 20, 15, tzinfo=UTC)
LATER = SEEN + timedelta(days=3)

of_both_kinds = pytest.mark.parametrize("kind", ["jellyfin", "emby"])


@pytest.fixture
def kind() -> str:
    return "jellyfin"


@pytest.fixture
def server(household: Household, kind: str) -> Server:
    return household.add(kind)


@pytest.fixture
def file(server: Server) -> Any:
    """Of the first two episodes."""
    return server.bench.add_episode(SHOW, 1, 1, through=2)


def numbered(number: int) -> Episode:
    return episode_of(the_show(), 1, number)


def the_show() -> MediaItem:
    return db.session.scalars(select(MediaItem).where(MediaItem.title == SHOW)).one()


def watched(user: User) -> list[int]:
    """The numbers of the episodes that are."""
    query = select(Episode.episode_number).join(
        PlaybackProgress, PlaybackProgress.episode_id == Episode.id
    )
    own = query.where(PlaybackProgress.user_id == user.id, PlaybackProgress.watched)
    return list(db.session.scalars(own.order_by(Episode.episode_number)))


def held() -> list[int]:
    """The numbers of the further episodes that files hold."""
    query = select(Episode.episode_number).join(
        SourceItemEpisode, SourceItemEpisode.episode_id == Episode.id
    )
    return sorted(db.session.scalars(query))


def known_from_before() -> None:
    """As it was before further episodes were kept: the file is known, and what it showed."""
    db.session.execute(delete(Episode).where(Episode.id == numbered(2).id))
    db.session.execute(update(SourceItemState).values(seen_at=now() - timedelta(hours=1)))
    db.session.commit()


# What comes in


@of_both_kinds
def test_the_first_pull_of_a_watched_file_marks_all_of_its_episodes(server, file, alice):
    server.bench.person_watches(file, SEEN)
    assert server.pull().watched == 2
    for number in (1, 2):
        progress = get_progress(alice.id, numbered(number))
        assert progress is not None
        assert progress.watched
        assert progress.last_watched_at == SEEN
        assert plays_of(alice, numbered(number)) == [SEEN]


@of_both_kinds
def test_all_episodes_of_an_unwatched_file_are_in_the_library(server, file, alice):
    server.bench.add_episode(SHOW, 1, 3)
    assert server.pull().news == "nothing new"
    assert watched(alice) == []
    assert [episode.code for episode in list_episodes(the_show().id)] == [
        "S01E01",
        "S01E02",
        "S01E03",
    ]
    assert held() == [2]


@of_both_kinds
def test_what_is_watched_later_is_watched_in_all_its_episodes(server, file, alice):
    server.pull()
    server.bench.person_watches(file, SEEN)
    assert server.pull().watched == 2
    assert watched(alice) == [1, 2]
    assert plays_of(alice, numbered(2)) == [SEEN]


def test_what_comes_next_is_what_stands_after_the_file(server, file, alice):
    server.bench.add_episode(SHOW, 1, 3)
    server.pull()
    server.bench.person_watches(file, SEEN)
    server.pull()
    following = get_next_episode(alice.id, the_show())
    assert (following.state, following.episode) == ("next", numbered(3))


@of_both_kinds
def test_a_second_pull_of_the_same_changes_nothing(server, file):
    server.bench.person_watches(file, SEEN)
    server.pull()
    with statements() as seen:
        assert server.pull().news == "nothing new"
    written = {name.removeprefix("rows of ") for name in seen if name.startswith("rows of ")}
    assert written <= OF_THE_PULL_ITSELF


@of_both_kinds
def test_a_file_that_is_unwatched_is_so_in_all_its_episodes(server, file, alice):
    server.bench.person_watches(file, SEEN)
    server.pull()
    server.bench.person_unwatches(file)
    assert server.pull().unwatched == 2
    assert watched(alice) == []
    assert plays_of(alice, numbered(2)) == [SEEN]
    assert server.pull().news == "nothing new"


def test_a_further_episode_that_was_unwatched_here_stays_so(server, file, alice, household):
    server.bench.person_watches(file, SEEN)
    server.pull()
    mark_unwatched(alice.id, numbered(2))
    household.settle()
    assert server.pull().news == "nothing new"
    assert watched(alice) == [1]
    assert server.bench.held(file).watched


def test_a_further_episode_is_marked_again_by_a_new_play(household, server, file, alice):
    server.bench.person_watches(file, SEEN)
    server.pull()
    mark_unwatched(alice.id, numbered(2), origin="web")
    server.bench.person_watches(file, now())
    household.later(hours=1)
    assert server.pull().watched == 2
    assert watched(alice) == [1, 2]
    assert len(plays_of(alice, numbered(2))) == 2


def test_a_rewatch_is_one_more_play_of_the_first_alone(server, file, alice):
    server.bench.person_watches(file, SEEN)
    server.pull()
    server.bench.person_watches(file, LATER)
    assert server.pull().watched == 1
    assert plays_of(alice, numbered(1)) == [SEEN, LATER]
    assert plays_of(alice, numbered(2)) == [SEEN]


def test_a_further_episode_that_is_being_watched_again_is_left_alone(server, file, alice):
    server.pull()
    mark_watched(alice.id, numbered(2), at=SEEN)
    save_progress(alice.id, numbered(2), position_seconds=600, duration_seconds=2700, at=LATER)
    server.bench.person_watches(file, LATER + timedelta(days=1))
    assert server.pull().watched == 1
    assert get_progress(alice.id, numbered(2)).position_seconds == 600
    assert plays_of(alice, numbered(2)) == [SEEN]


def test_a_position_is_that_of_the_first(server, file, alice):
    server.pull()
    server.bench.person_stops_at(file, 600_000, SEEN)
    assert server.pull().positions == 1
    assert get_progress(alice.id, numbered(1)).position_seconds == 600
    assert get_progress(alice.id, numbered(2)) is None


def test_a_position_in_what_is_watched_is_no_matter_of_the_others(server, file, alice):
    server.bench.person_watches(file, SEEN)
    server.bench.person_stops_at(file, 600_000, LATER)
    server.pull()
    assert watched(alice) == [1, 2]
    assert get_progress(alice.id, numbered(1)).position_seconds == 600
    assert get_progress(alice.id, numbered(2)).position_seconds == 0


def test_what_the_source_is_not_to_tell_is_not_taken_of_any_episode(server, file, alice):
    get_source(server.source_id).takes_watched = False
    server.bench.person_watches(file, SEEN)
    server.pull()
    assert watched(alice) == []


def test_many_files_that_are_unwatched_at_once_keep_their_marks(server, alice):
    files = [server.bench.add_episode(SHOW, season, 1, through=2) for season in range(1, 25)]
    for one in files:
        server.bench.person_watches(one, SEEN)
    server.pull()
    for one in files:
        server.bench.person_unwatches(one)
    assert server.pull().held_back == 24
    assert len(watched(alice)) == 48


STOPPED = {
    "jellyfin": lambda id_: {
        "NotificationType": "PlaybackStop",
        "NotificationUsername": "alice",
        "ItemId": id_,
        "ItemType": "Episode",
        "Name": "Part 1 of season 1",
        "PlayedToCompletion": "True",
    },
    "emby": lambda id_: {
        "Event": "playback.stop",
        "User": {"Name": "alice"},
        "Item": {"Id": id_, "Type": "Episode", "Name": "Part 1 of season 1"},
        "PlaybackInfo": {"PlayedToCompletion": True},
    },
}


@of_both_kinds
def test_a_webhook_about_the_file_is_about_all_its_episodes(server, file, alice, kind):
    server.pull()
    assert server.sends(STOPPED[kind](file.remote_id)) == "applied: 2 watched"
    assert watched(alice) == [1, 2]


def test_a_webhook_of_a_file_nobody_knew_is_made_whole_by_the_next_pull(server, file, alice):
    server.bench.person_watches(file, SEEN)
    told = STOPPED["jellyfin"](file.remote_id)
    told |= {"SeriesName": SHOW, "SeasonNumber": "1", "EpisodeNumber": "1"}
    assert server.sends(told) == "applied: 1 watched"
    server.pull()
    assert watched(alice) == [1, 2]
    assert server.pull().news == "nothing new"


# What goes out


def test_the_other_servers_are_told_of_each_and_this_one_of_none(household, server, file):
    plex = household.add("plex")
    copies = [plex.bench.add_episode(SHOW, 1, number) for number in (1, 2)]
    household.settle()
    server.bench.person_watches(file, SEEN)
    server.pull()
    told = sorted((row.source_id, row.episode_id) for row in queue())
    assert told == sorted((plex.source_id, numbered(number).id) for number in (1, 2))
    household.drain()
    assert [plex.bench.held(copy).watched for copy in copies] == [True, True]


def test_a_change_of_a_further_episode_alone_is_not_told_to_its_server(
    household, server, file, alice
):
    server.pull()
    mark_watched(alice.id, numbered(2))
    assert queue() == []
    assert server.pull().news == "nothing new"
    assert not server.bench.held(file).watched


def test_what_waits_for_a_copy_of_a_further_episode_is_not_tried_for_the_file(
    household, server, file, alice
):
    copy = server.bench.add_episode(SHOW, 1, 2)
    server.pull()
    server.bench.remove(copy)
    mark_watched(alice.id, numbered(2))
    household.drain()
    server.fake.add_movie("What cannot be read", broken={"Name": None})
    assert server.pull().problems
    [row] = queue()
    assert (row.error_class, row.next_attempt_at) == ("unmatched", None)


def test_a_mark_of_the_first_that_was_told_marks_no_other(household, server, file, alice):
    server.pull()
    mark_watched(alice.id, numbered(1), at=SEEN)
    household.settle()
    assert server.bench.held(file).watched
    server.pull()
    assert watched(alice) == [1]


def test_a_mark_of_the_first_whose_answer_was_lost_marks_no_other(household, server, file, alice):
    server.pull()
    mark_watched(alice.id, numbered(1), at=SEEN)
    db.session.commit()
    with server.bench.losing_answers():
        household.drain()
    assert server.bench.held(file).watched
    server.pull()
    assert watched(alice) == [1]
    household.later(minutes=10)
    household.settle()
    assert watched(alice) == [1]
    assert plays_of(alice, numbered(1)) == [SEEN]


#: What a server sends of a mark that was set just now, with the date SEEN.
MARKED = {
    "jellyfin": lambda id_: {
        "NotificationType": "UserDataSaved",
        "NotificationUsername": "alice",
        "SaveReason": "UpdateUserData",
        "UtcTimestamp": now().isoformat(),
        "ItemId": id_,
        "ItemType": "Episode",
        "Name": "Part 1 of season 1",
        "Played": True,
        "PlayCount": 1,
        "LastPlayedDate": SEEN.isoformat(),
        "PlaybackPositionTicks": 0,
    },
    "emby": lambda id_: {
        "Event": "item.markplayed",
        "Date": now().isoformat(),
        "User": {"Name": "alice"},
        "Item": {"Id": id_, "Type": "Episode", "Name": "Part 1 of season 1"},
    },
}


@of_both_kinds
def test_our_mark_of_the_first_marks_no_other_when_its_event_is_faster_than_its_answer(
    household, server, file, alice, kind
):
    server.pull()
    mark_watched(alice.id, numbered(1), at=SEEN)
    db.session.commit()
    with server.bench.losing_answers():
        household.drain()
    assert server.bench.held(file).watched
    household.later(minutes=1)
    assert server.sends(MARKED[kind](file.remote_id)).startswith("applied")
    assert watched(alice) == [1]
    assert plays_of(alice, numbered(1)) == [SEEN]


@pytest.mark.parametrize("kind", ["emby"])
def test_a_mark_there_after_ours_was_taken_and_taken_back_is_of_all_episodes(
    household, server, file, alice, kind
):
    server.pull()
    mark_watched(alice.id, numbered(1), at=SEEN)
    household.settle()
    mark_unwatched(alice.id, numbered(1))
    household.settle()
    assert not server.bench.held(file).watched
    household.later(minutes=1)
    assert server.sends(MARKED[kind](file.remote_id)) == "applied: 2 watched"
    assert watched(alice) == [1, 2]


def test_what_a_push_finds_on_the_server_is_taken_of_all_episodes(household, server, file, alice):
    server.pull()
    server.bench.person_watches(file, LATER)
    save_progress(alice.id, numbered(1), position_seconds=600, duration_seconds=2700, at=SEEN)
    household.drain()
    assert watched(alice) == [1, 2]
    assert plays_of(alice, numbered(2)) == [LATER]


def test_what_a_pull_brought_is_undone_whole(household, server, file, alice):
    plex = household.add("plex")
    copies = [plex.bench.add_episode(SHOW, 1, number) for number in (1, 2)]
    household.settle()
    server.bench.person_watches(file, SEEN)
    household.settle()
    [change_set_id] = change_sets_of_pulls(server.source_id, alice.id).values()
    db.session.commit()
    begin_write()
    assert len(undo(change_set_id).contents) == 2
    db.session.commit()
    assert watched(alice) == []
    assert db.session.scalar(select(func.count()).select_from(Play)) == 0
    household.drain()
    assert not server.bench.held(file).watched
    assert [plex.bench.held(copy).watched for copy in copies] == [False, False]
    household.settle()
    assert watched(alice) == []


# What a file holds


def test_a_file_that_holds_fewer_episodes_than_before_tells_of_those(server, file, alice):
    server.pull()
    server.fake.titles[file.remote_id].number_end = None
    server.pull()
    assert held() == []
    server.bench.person_watches(file, SEEN)
    server.pull()
    assert watched(alice) == [1]


def test_only_what_a_file_has_come_to_hold_is_looked_at_anew(server, file, alice):
    server.bench.person_watches(file, SEEN)
    server.pull()
    mark_unwatched(alice.id, numbered(2))
    server.fake.titles[file.remote_id].number_end = 3
    assert server.pull().watched == 1
    assert watched(alice) == [1, 3]


def test_files_that_were_known_before_are_caught_up_with_once_for_each_person(
    household, server, file, cast
):
    """As after an update from a version that kept the first episode only."""
    bench = server.bench
    bob = bench.fake.add_person("bob")
    as_bob = Connection(
        bench.connection().base_url, credentials={"username": "bob", "password": "secret"}
    )
    signed_in = sign_in("jellyfin", as_bob)
    keep_sign_in(get_source(server.source_id), cast.bob.id, signed_in.linked, "device-of-bob")
    bench.person_watches(file, SEEN)
    bench.fake.watch(bob, bench.fake.titles[file.remote_id], LATER)
    server.pull()
    known_from_before()
    assert server.pull().watched == 2
    for user, at in ((cast.alice, SEEN), (cast.bob, LATER)):
        assert plays_of(user, numbered(2)) == [at]
        mark_unwatched(user.id, numbered(2))
    assert server.pull().news == "nothing new"


def test_what_was_caught_up_with_and_undone_is_not_caught_up_with_again(
    household, server, file, alice
):
    server.bench.person_watches(file, SEEN)
    server.pull()
    known_from_before()
    server.pull()
    newest = max(change_sets_of_pulls(server.source_id, alice.id).values())
    db.session.commit()
    begin_write()
    assert [content.code for content in undo(newest).contents] == ["S01E02"]
    household.settle()
    assert server.pull().news == "nothing new"
    assert watched(alice) == [1]


def test_a_file_that_was_marked_by_us_is_not_caught_up_with(household, server, file, alice):
    server.pull()
    mark_watched(alice.id, numbered(1), at=SEEN)
    household.settle()
    known_from_before()
    server.pull()
    assert watched(alice) == [1]
    assert held() == [2]


def test_a_first_episode_that_is_another_by_its_id_says_nothing_of_the_others(server, alice):
    alone = server.bench.add_episode(SHOW, 1, 5, tvdb="991005")
    server.pull()
    server.bench.remove(alone)
    file = server.bench.add_episode(SHOW, 1, 1, tvdb="991005", through=2)
    server.bench.person_watches(file, SEEN)
    server.pull()
    assert held() == []
    assert watched(alice) == [5]


def test_a_file_of_very_many_episodes_is_a_misread_name(server, alice):
    server.bench.add_episode(SHOW, 1, 1, through=720)
    server.pull()
    assert held() == []


def test_what_is_matched_by_hand_holds_what_its_numbers_say(server, alice):
    title = server.bench.add_episode(SHOW, 1, 1, through=2)
    server.pull()
    first = numbered(1)
    unmatched = UnmatchedItem(
        source_id=server.source_id, remote_id=title.remote_id, title="?", reason="?"
    )
    db.session.add(unmatched)
    db.session.flush()
    match_by_hand(unmatched, first)
    assert held() == []
    server.pull()
    assert held() == [2]


def test_the_page_of_a_further_episode_opens(server, file, browser_of_alice: FlaskClient):
    server.bench.person_watches(file, SEEN)
    server.pull()
    page = browser_of_alice.get(f"/episodes/{numbered(2).id}")
    assert page.status_code == 200
    assert "None of your servers lists it separately." in page.text


def item(show: int, number: int, *, is_watched: bool) -> RemoteItem:
    return RemoteItem(
        remote_id=f"{show}-{number}",
        kind="episode",
        title="",
        show=RemoteShow(title=f"Show {show}"),
        season_number=1,
        episode_number=number,
        further_episodes=(number + 1,),
        state=RemoteState(watched=is_watched, last_played_at=SEEN if is_watched else None),
    )


@pytest.mark.parametrize("is_watched", [False, True])
def test_the_questions_of_a_page_do_not_grow_with_its_files(household, server, alice, is_watched):
    def asked_for(files: int, first: int) -> int:
        db.session.commit()
        begin_write()
        [account] = accounts_of(server.source_id)
        pull = AccountPull(get_source(server.source_id), account, Report())
        items = [item(first, 2 * number + 1, is_watched=is_watched) for number in range(files)]
        counts = []
        for _ in range(2):
            with statements() as seen:
                pull.take(LibraryPage(items=items, done=files, total=files), now())
            counts.append(seen["SELECT"])
        db.session.commit()
        assert len(held()) >= files
        return counts

    few, many = asked_for(5, first=1), asked_for(40, first=2)
    # For each episode that was watched there its record is held while it is changed.
    for_each = 2 * 35 * is_watched * (3 if db.engine.dialect.name == "postgresql" else 1)
    assert many[0] <= few[0] + for_each
    assert many[1] == few[1]


# Servers that list each episode


def test_kodi_shows_one_state_for_both_episodes_of_a_file(household, alice):
    kodi = household.add("kodi")
    first = kodi.bench.add_episode(SHOW, 1, 1, through=2)
    kodi.pull()
    mark_watched(alice.id, numbered(1), at=SEEN)
    household.drain()
    assert kodi.bench.held(first).watched
    kodi.pull()
    assert watched(alice) == [1, 2]
    assert plays_of(alice, numbered(2)) == [SEEN]
    household.settle()
    assert kodi.pull().news == "nothing new"
    assert kodi.bench.held(first).play_count == 1


@pytest.mark.parametrize("name", ["Night Ferry S01E01-E02.mkv", "Night.Ferry.S01E01E02.mkv"])
def test_a_folder_lists_each_episode_of_a_file(tmp_path: Path, session, name):
    folder = tmp_path / SHOW / "Season 01"
    folder.mkdir(parents=True)
    (folder / name).write_bytes(b"not a video")
    source = add_source("folder", "Disk", str(tmp_path))
    db.session.commit()
    for _ in range(2):
        begin_write()
        pull_id = request_pull(source.id).id
        db.session.commit()
        run_pull(pull_id)
    rows = db.session.scalars(select(SourceItem).order_by(SourceItem.remote_id)).all()
    assert [row.episode_id for row in rows] == [numbered(1).id, numbered(2).id]
    assert {row.path for row in rows} == {str(folder / name)}
