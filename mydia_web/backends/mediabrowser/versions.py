"""Further files of one title, for each of which the server keeps a position of its own.

Since Jellyfin 12 a listing shows the first file of a title. A mark reaches all files, and so does
the date of a play; but a position in another file is kept under that file's own id, which only the
list of resumed titles tells. There each title names the ids of all of its files.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from mydia_web.backends.mediabrowser.models import NEVER, Item, field_of, read
from mydia_web.backends.values import RemoteItem, RemoteState
from mydia_web.backends.wire import UnreadableEntry


@dataclass(frozen=True, slots=True)
class ResumedFile:
    """A file that somebody has begun."""

    item_id: str
    #: All files of its title, this one among them.
    files: frozenset[str]
    state: RemoteState

    @property
    def played_at(self) -> datetime:
        return _played_at(self.state)


class Versions:
    """The resumed files of titles that have several."""

    def __init__(self, entries: Iterable[Any] = ()) -> None:
        #: By each file of a title, its resumed files.
        self._resumed: dict[str, list[ResumedFile]] = {}
        #: By each file of a title, all of its files.
        self._files: dict[str, frozenset[str]] = {}
        for entry in entries:
            resumed = _resumed_file(entry)
            if resumed is None:
                continue
            for file in resumed.files:
                self._resumed.setdefault(file, []).append(resumed)

    def note_files(self, entries: Iterable[Any]) -> None:
        """Note the files of these titles, whether any of them is resumed or not."""
        for entry in entries:
            files = _files_of(entry)
            for file in files:
                self._files[file] = files

    def merged(self, item: RemoteItem) -> RemoteItem:
        """Return a listed title with the position of the file of it that was played last."""
        resumed = self._resumed.get(item.remote_id, [])
        files = self._files.get(item.remote_id, frozenset())
        files = files.union(*(file.files for file in resumed))
        item = replace(item, versions=tuple(sorted(files - {item.remote_id})))
        others = [file for file in resumed if file.item_id != item.remote_id]
        if not others or item.state is None:
            return item
        last = max(others, key=lambda file: file.played_at)
        if not _is_last(last.state, item.state):
            return item
        # `last` is no older than the item, or neither has a date.
        state = replace(
            item.state,
            position_ms=last.state.position_ms,
            last_played_at=last.state.last_played_at,
        )
        return replace(item, state=state, resumed_version=last.item_id)

    def unlisted(self, after: datetime, listed: Collection[str]) -> Iterator[str]:
        """Yield the files of titles that were played after that time and are not `listed`."""
        recent: set[frozenset[str]] = set()
        for resumed in self._resumed.values():
            recent |= {file.files for file in resumed if file.played_at > after}
        for files in sorted(recent, key=sorted):
            if files.isdisjoint(listed):
                yield from sorted(files)


def _is_last(version: RemoteState, first: RemoteState) -> bool:
    """Return whether the version was played last.

    The date that is shown of the first file is the latest of all of them.
    """
    if version.last_played_at is None and first.last_played_at is None:
        return not first.position_ms
    return _played_at(version) >= _played_at(first)


def _played_at(state: RemoteState) -> datetime:
    return state.last_played_at or NEVER


def _resumed_file(entry: Any) -> ResumedFile | None:
    """Return None for an entry that cannot be read, and for a title with one file."""
    try:
        item = read(Item, entry)
    except UnreadableEntry:
        return None
    files = _files_of(entry)
    if len(files) < 2 or item.user_data is None:
        return None
    return ResumedFile(item.id, files, item.user_data.remote_state)


def _files_of(entry: Any) -> frozenset[str]:
    """Return the ids of a title and of all its files, as far as they can be read."""
    sources = field_of(entry, "MediaSources")
    if not isinstance(sources, list):
        sources = []
    ids = [field_of(source, "Id") for source in (entry, *sources)]
    return frozenset(item_id for item_id in ids if isinstance(item_id, str) and item_id)
