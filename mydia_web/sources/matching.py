"""What a person says an unrecognised item is, one or a whole folder. No pull says otherwise
afterwards.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from sqlalchemy import delete, select

from mydia_web.backends.folder import naming
from mydia_web.backends.folder.convention import is_marked, season_of, season_within
from mydia_web.db import db
from mydia_web.errors import InvalidValue, NotFound
from mydia_web.library.content import sort_title
from mydia_web.library.models import Content, Episode, MediaItem
from mydia_web.sources.models import SourceItem, UnmatchedItem

#: Said of a file that a folder's answer leaves out.
NO_NUMBERS = "Neither the server nor the file's name says which season and episode it is."


@dataclass(frozen=True, slots=True)
class FileInFolder:
    """An unrecognised file, with the season and episode it would be; None where nobody tells."""

    item: UnmatchedItem
    numbers: tuple[int, int] | None

    @property
    def name(self) -> str:
        """Its path within the folder."""
        return self.item.path[len(self.item.folder) :].lstrip("/\\") or self.item.title


def folder_of(path: str) -> str:
    """Return the folder that is answered for at once: that of the file, or of the show whose season
    it lies in.
    """
    parts = re.split(r"([/\\\\]+)", path)[:-2]
    if len(parts) > 2 and season_of(parts[-1]) is not None:
        parts = parts[:-2]
    return "".join(parts)


def find_unmatched(source_id: int, item_id: int) -> UnmatchedItem:
    """Raises `NotFound`."""
    item = db.session.get(UnmatchedItem, item_id)
    if item is None or item.source_id != source_id:
        raise NotFound("This title is not among the unrecognised ones any more.")
    return item


def match_by_hand(item: UnmatchedItem, content: Content) -> SourceItem:
    """The remote item is a copy of that content from now on; its state comes with the next pull."""
    db.session.execute(
        delete(SourceItem).where(
            SourceItem.source_id == item.source_id, SourceItem.remote_id == item.remote_id
        )
    )
    copy = SourceItem(source_id=item.source_id, remote_id=item.remote_id, matched_by_hand=True)
    if isinstance(content, Episode):
        copy.episode_id = content.id
    else:
        copy.media_item_id = content.id
    db.session.add(copy)
    db.session.delete(item)
    db.session.flush()
    return copy


def episode_at(show: MediaItem, season: int | None, number: int | None) -> Episode:
    """The show's episode of these numbers, added where it is new. Raises `InvalidValue`."""
    if season is None or number is None or not (0 <= season <= 10_000 and 0 <= number <= 10_000):
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


def files_in_folder(
    source_id: int, folder: str, show: MediaItem | None = None
) -> Sequence[FileInFolder]:
    """Return what is unrecognised in the folder, as episodes of that show."""
    query = select(UnmatchedItem).where(
        UnmatchedItem.source_id == source_id, UnmatchedItem.folder == folder
    )
    items = db.session.scalars(query.order_by(UnmatchedItem.path, UnmatchedItem.id)).all()
    has_one_season = show is None or _has_one_season(show)
    return [FileInFolder(item, _numbers_of(item, has_one_season=has_one_season)) for item in items]


def match_folder(source_id: int, folder: str, show: MediaItem) -> Sequence[FileInFolder]:
    """Match every file of the folder to its episode of the show; those that are left are told why."""
    files = files_in_folder(source_id, folder, show)
    for file in files:
        if file.numbers is None:
            file.item.reason = NO_NUMBERS
        else:
            match_by_hand(file.item, episode_at(show, *file.numbers))
    return [file for file in files if file.numbers is None]


def add_show(title: str) -> MediaItem:
    """Add a show that a person names to the library. Raises `InvalidValue`."""
    title = " ".join(title.split())
    if not title or len(title) > 200:
        raise InvalidValue("title", "Give the show a title of at most 200 characters.")
    show = MediaItem(type="show", title=title, sort_title=sort_title(title))
    db.session.add(show)
    db.session.flush()
    return show


def name_of_folder(folder: str) -> str:
    """Return the title that a folder's name gives."""
    return naming.titled(_parts(folder)[-1]).title if _parts(folder) else ""


def _has_one_season(show: MediaItem) -> bool:
    """Return whether a number without a season cannot be of another one than the first."""
    others = select(Episode.id).where(Episode.media_item_id == show.id, Episode.season_number > 1)
    return db.session.scalar(others.limit(1)) is None


def _numbers_of(item: UnmatchedItem, *, has_one_season: bool) -> tuple[int, int] | None:
    """Return season and episode: as the server tells, else as the file's name does."""
    read = _read_name(item.path)
    numbers = read.numbers if read else ()
    episode = item.episode_number if item.episode_number is not None else next(iter(numbers), None)
    season = item.season_number
    if season is None and read and _tells_season(item.path):
        season = read.season
    if season is None and has_one_season:
        season = 1
    return None if season is None or episode is None else (season, episode)


def _read_name(path: str) -> naming.Episode | None:
    folder = _parts(folder_of(path))
    parts = _parts(path)[len(folder) :]
    if not parts or not folder:
        return None
    read = naming.read(PurePosixPath(folder[-1], *parts), folder[-1])
    return read if isinstance(read, naming.Episode) else None


def _tells_season(path: str) -> bool:
    parts = _parts(path)
    around = parts[-2] if len(parts) > 1 else ""
    stem = PurePosixPath(parts[-1]).stem
    return is_marked(stem) or season_of(around) is not None or season_within(around) is not None


def _parts(path: str) -> list[str]:
    return [part for part in re.split(r"[/\\]+", path) if part]
