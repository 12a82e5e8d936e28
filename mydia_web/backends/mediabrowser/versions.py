"""Further files of one title, of which the server keeps a position of its own each.

Since Jellyfin 12 a listing shows the first file of a title. A mark reaches all of them, and so does
the date of a play; but what is played of another file is kept under that file's own id, which only
the list of what is under way tells. There each title names the ids of all of its files.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from mydia_web.backends.mediabrowser import mapping
from mydia_web.backends.mediabrowser.models import Item, read
from mydia_web.backends.values import RemoteItem, RemoteState
from mydia_web.backends.wire import UnreadableEntry


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A file that is under way."""

    item_id: str
    #: Of all files of its title, this one among them.
    files: frozenset[str]
    state: RemoteState


class Versions:
    """What is under way of titles with several files."""

    def __init__(self, entries: Iterable[Any] = ()) -> None:
        found = [one for one in map(_under_way, entries) if one]
        self._of_file: dict[str, list[UnderWay]] = {}
        #: By each of its files, all files of a title.
        self._files: dict[str, frozenset[str]] = {}
        for one in found:
            for file in one.files:
                self._of_file.setdefault(file, []).append(one)

    def note_files(self, entries: Iterable[Any]) -> None:
        """Note which files these titles have, whether any of them is under way or not."""
        for entry in entries:
            files = _files(entry)
            for file in files:
                self._files[file] = files

    def merged(self, item: RemoteItem) -> RemoteItem:
        """The listed title with the position of that of its files which was played last."""
        under_way = self._of_file.get(item.remote_id, [])
        files = self._files.get(item.remote_id, frozenset()).union(
            *(one.files for one in under_way)
        )
        item = replace(item, versions=tuple(sorted(files - {item.remote_id})))
        if not under_way or item.state is None:
            return item
        others = [one for one in under_way if one.item_id != item.remote_id]
        last = max(others, key=lambda one: _at(one.state), default=None)
        if last is None or not _is_last(last.state, item.state):
            return item
        dates = [one.last_played_at for one in (item.state, last.state) if one.last_played_at]
        state = replace(
            item.state,
            position_ms=last.state.position_ms,
            last_played_at=max(dates, default=None),
        )
        return replace(item, state=state, resumed_version=last.item_id)

    def unlisted(self, after: datetime, listed: Collection[str]) -> Iterator[str]:
        """Ids of files of titles that are not among those `listed`, where one was played after that
        time.
        """
        recent = {
            one.files for some in self._of_file.values() for one in some if _at(one.state) > after
        }
        for files in sorted(recent, key=sorted):
            if files.isdisjoint(listed):
                yield from sorted(files)


def _is_last(version: RemoteState, first: RemoteState) -> bool:
    """Was the version played last? The date that is shown of the first file is the latest of all of
    them.
    """
    if version.last_played_at is None and first.last_played_at is None:
        return not first.position_ms
    return _at(version) >= _at(first)


def _at(state: RemoteState) -> datetime:
    return state.last_played_at or mapping.NEVER


def _under_way(entry: Any) -> UnderWay | None:
    """None for what cannot be read, and for a title with one file."""
    try:
        item = read(Item, entry)
    except UnreadableEntry:
        return None
    files = _files(entry)
    if len(files) < 2 or item.user_data is None:
        return None
    return UnderWay(item.id, files, mapping.state(item.user_data))


def _files(entry: Any) -> frozenset[str]:
    """The ids of a title and of all its files; nothing for what cannot be read."""
    sources = entry.get("MediaSources") if isinstance(entry, dict) else None
    ids = (
        [one.get("Id") for one in sources if isinstance(one, dict)]
        if isinstance(sources, list)
        else []
    )
    own = entry.get("Id") if isinstance(entry, dict) else None
    return frozenset(one for one in (own, *ids) if isinstance(one, str) and one)
