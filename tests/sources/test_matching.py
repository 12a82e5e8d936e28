"""What a folder's answer makes of its files: the numbers that the server or the file's name tells,
and no others.
"""

import pytest

from mydia_web.accounts.models import User
from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.library.models import Episode, MediaItem
from mydia_web.sources.matching import (
    NO_NUMBERS,
    add_show,
    files_in_folder,
    folder_of,
    match_folder,
)
from mydia_web.sources.models import Source, SourceItem, UnmatchedItem
from tests.cast import add_server
from tests.cast import add_show as add_known_show


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("/tv/Dark/Season 01/Dark S01E01.mkv", "/tv/Dark"),
        ("/tv/Dark/Specials/x.mkv", "/tv/Dark"),
        ("/tv/Dark/Dark S01E01.mkv", "/tv/Dark"),
        ("smb://nas/tv/Dark/S02/x.mkv", "smb://nas/tv/Dark"),
        (r"\\nas\tv\Dark\Staffel 2\x.mkv", r"\\nas\tv\Dark"),
        (r"D:\tv\Dark\x.mkv", r"D:\tv\Dark"),
        ("/x.mkv", ""),
        ("x.mkv", ""),
        ("", ""),
    ],
)
def test_the_folder_of_a_season_is_that_of_its_show(path: str, folder: str) -> None:
    assert folder_of(path) == folder


@pytest.fixture
def nas(alice: User) -> Source:
    return add_server("NAS", alice)


def unmatched(
    nas: Source, path: str, season: int | None = None, episode: int | None = None
) -> UnmatchedItem:
    item = UnmatchedItem(
        source_id=nas.id, remote_id=path, title="?", reason="?", path=path, seen_at=now()
    )
    item.folder = folder_of(path)
    item.season_number, item.episode_number = season, episode
    db.session.add(item)
    db.session.flush()
    return item


@pytest.mark.parametrize(
    ("name", "told", "seasons", "numbers"),
    [
        ("Season 02/Dark S02E03.mkv", (None, None), 1, (2, 3)),
        ("Dark.s02e03.1080p.web.mkv", (None, None), 3, (2, 3)),
        ("Season 2/03 - Ghosts.mkv", (None, None), 1, (2, 3)),
        ("Specials/Dark S00E04.mkv", (None, None), 1, (0, 4)),
        # The server knows better than the name.
        ("Dark S02E03.mkv", (1, 13), 3, (1, 13)),
        ("no numbers.mkv", (1, 13), 3, (1, 13)),
        # A number without a season is of the only one there is.
        ("Episode 7.mkv", (None, None), 1, (1, 7)),
        ("no numbers.mkv", (None, 7), 1, (1, 7)),
        ("Episode 7.mkv", (None, None), 3, None),
        ("no numbers.mkv", (None, 7), 3, None),
        ("Season 2/no numbers.mkv", (None, 7), 3, (2, 7)),
        ("Behind the scenes.mkv", (None, None), 1, None),
        ("Behind the scenes.mkv", (2, None), 1, None),
    ],
)
def test_each_file_keeps_its_numbers(nas, name, told, seasons, numbers):
    show = add_known_show("Dark", 2017, seasons=seasons, episodes=1)
    unmatched(nas, f"/tv/Dark/{name}", *told)
    [file] = files_in_folder(nas.id, "/tv/Dark", show)
    assert (file.name, file.numbers) == (name, numbers)


def test_a_folder_is_answered_for_at_once_and_what_has_no_numbers_is_left(nas):
    show = add_show(" Dark ")
    for number in (1, 2):
        unmatched(nas, f"/tv/Dark/Season 01/Dark S01E0{number}.mkv")
    extra = unmatched(nas, "/tv/Dark/Behind the scenes.mkv")
    other = unmatched(nas, "/tv/Darkness/Darkness S01E01.mkv")
    [left] = match_folder(nas.id, "/tv/Dark", show)
    db.session.flush()
    assert (left.item, extra.reason) == (extra, NO_NUMBERS)
    assert db.session.query(UnmatchedItem).order_by(UnmatchedItem.id).all() == [extra, other]
    copies = db.session.query(SourceItem).order_by(SourceItem.id).all()
    assert all(copy.matched_by_hand for copy in copies)
    episodes = [db.session.get_one(Episode, copy.episode_id) for copy in copies]
    assert [(one.media_item_id, one.season_number, one.episode_number) for one in episodes] == [
        (show.id, 1, 1),
        (show.id, 1, 2),
    ]
    assert db.session.get_one(MediaItem, show.id).title == "Dark"
