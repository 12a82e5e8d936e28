"""Identifying unrecognised items by hand, one by one or by folder; no pull overrules it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from sqlalchemy import delete, select

from mydia_web.backends.folder import folders, naming
from mydia_web.backends.folder.seasons import beside_title, find_mark, season_of
from mydia_web.db import db
from mydia_web.errors import InvalidValue, NotFound
from mydia_web.library.content import sort_title
from mydia_web.library.models import Content, Episode, MediaItem
from mydia_web.sources.models import SourceItem, UnmatchedItem

#: The reason shown for a file that identifying its folder left out.
NO_NUMBERS = "Neither the server nor the file's name says which season and episode it is."


@dataclass(frozen=True, slots=True)
class FileInFolder:
    """An unrecognised file, and the season and episode it would be, if that is known."""

    item: UnmatchedItem
    numbers: tuple[int, int] | None

    @property
    def name(self) -> str:
        """Return its path within the folder."""
        return self.item.path[len(self.item.folder) :].lstrip("/\\") or self.item.title


def folder_of(path: str) -> str:
    """Return the folder to identify at once: the file's own, or the show's above a season."""
    parts = re.split(r"([/\\\\]+)", path)[:-2]
    if len(parts) > 2 and season_of(parts[-1]) is not None:
        parts = parts[:-2]
    return "".join(parts)


def find_unmatched(source_id: int, item_id: int) -> UnmatchedItem:
    """Return the unrecognised item. Raise `NotFound`."""
    item = db.session.get(UnmatchedItem, item_id)
    if item is None or item.source_id != source_id:
        raise NotFound("This title is not among the unrecognised ones any more.")
    return item


def match_by_hand(item: UnmatchedItem, content: Content) -> SourceItem:
    """Make the remote item a copy of that content; its state comes with the next pull."""
    db.session.execute(
        delete(SourceItem).where(
            SourceItem.source_id == item.source_id, SourceItem.remote_id == item.remote_id
        )
    )
    copy = SourceItem(source_id=item.source_id, remote_id=item.remote_id, matched_by_hand=True)
    copy.set_content(content)
    db.session.add(copy)
    db.session.delete(item)
    db.session.flush()
    return copy


def episode_at(show: MediaItem, season: int | None, number: int | None) -> Episode:
    """Return the show's episode of these numbers, new if need be. Raise `InvalidValue`."""
    if not _is_number(season) or not _is_number(number):
        raise InvalidValue(
            "episode", "Say the season and the number of the episode; specials are season 0."
        )
    found: Episode | None = db.session.scalar(
        select(Episode).where(
            Episode.media_item_id == show.id,
            Episode.season_number == season,
            Episode.episode_number == number,
        )
    )
    if found is None:
        found = Episode(media_item_id=show.id, season_number=season, episode_number=number)
        db.session.add(found)
        db.session.flush()
    return found


def _is_number(value: int | None) -> bool:
    return value is not None and 0 <= value <= 10_000


def files_in_folder(
    source_id: int, folder: str, show: MediaItem | None = None
) -> Sequence[FileInFolder]:
    """Return the unrecognised files of the folder, as episodes of that show."""
    query = select(UnmatchedItem).where(
        UnmatchedItem.source_id == source_id, UnmatchedItem.folder == folder
    )
    items = db.session.scalars(query.order_by(UnmatchedItem.path, UnmatchedItem.id)).all()
    has_one_season = show is None or _has_one_season(show)
    return [FileInFolder(item, _numbers_of(item, has_one_season=has_one_season)) for item in items]


def match_folder(source_id: int, folder: str, show: MediaItem) -> Sequence[FileInFolder]:
    """Match every file of the folder to its episode; return those that are left, with reasons."""
    files = files_in_folder(source_id, folder, show)
    for file in files:
        if file.numbers is None:
            file.item.reason = NO_NUMBERS
        else:
            match_by_hand(file.item, episode_at(show, *file.numbers))
    return [file for file in files if file.numbers is None]


def add_show(title: str) -> MediaItem:
    """Add a show that a person named to the library. Raise `InvalidValue`."""
    title = " ".join(title.split())
    if not title or len(title) > 200:
        raise InvalidValue("title", "Give the show a title of at most 200 characters.")
    show = MediaItem(type="show", title=title, sort_title=sort_title(title))
    db.session.add(show)
    db.session.flush()
    return show


def name_of_folder(folder: str) -> str:
    """Return the title in a folder's name."""
    parts = _parts(folder)
    return folders.titled(parts[-1]).title if parts else ""


def _has_one_season(show: MediaItem) -> bool:
    """Return whether a number without a season can only be of the first one."""
    others = select(Episode.id).where(Episode.media_item_id == show.id, Episode.season_number > 1)
    return db.session.scalar(others.limit(1)) is None


def _numbers_of(item: UnmatchedItem, *, has_one_season: bool) -> tuple[int, int] | None:
    """Return season and episode from the server, or else from the file's name."""
    season = item.season_number
    episode = item.episode_number
    name = _read_name(item.path)
    if name is not None:
        if episode is None:
            episode = next(iter(name.numbers), None)
        if season is None and _names_season(item.path):
            season = name.season
    if season is None and has_one_season:
        season = 1
    if season is None or episode is None:
        return None
    return season, episode


def _read_name(path: str) -> naming.Episode | None:
    folder = _parts(folder_of(path))
    parts = _parts(path)[len(folder) :]
    if not parts or not folder:
        return None
    read = naming.read(PurePosixPath(folder[-1], *parts), folder[-1])
    return read if isinstance(read, naming.Episode) else None


def _names_season(path: str) -> bool:
    *folders, file = _parts(path)
    if find_mark(PurePosixPath(file).stem):
        return True
    folder = folders[-1] if folders else ""
    return season_of(folder) is not None or beside_title(folder) is not None


def _parts(path: str) -> list[str]:
    return [part for part in re.split(r"[/\\]+", path) if part]
