"""Recording the changes of one act as one change set: the unit of undo."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, NamedTuple, Self

from sqlalchemy import select
from sqlalchemy.orm.attributes import instance_state

from mydia_web.clock import now
from mydia_web.db import add_many, db
from mydia_web.library.models import Content, ContentKey, Episode
from mydia_web.playback import shows
from mydia_web.playback.models import Change, ChangeSet
from mydia_web.playback.records import Snapshot
from mydia_web.queue.models import ChangeType
from mydia_web.sources.recipients import PushTarget

#: What may cause a change.
ORIGINS = ("web", "api", "player", "webhook", "pull", "import")

#: The origins of a person who acts here, not on a server.
ORIGINS_OF_PEOPLE = ("web", "api")


class Recorded(NamedTuple):
    """One content's record before and after a change."""

    content: Content
    before: Snapshot
    after: Snapshot


class ChangeRecorder:
    """Collects changes of one user into one change set, which is made with the first of them.

    Used as a context manager: at its end the next episode of every changed show is worked out
    once.
    """

    def __init__(
        self, user_id: int, origin: str, *, source_id: int | None = None, at: datetime | None = None
    ) -> None:
        self.user_id = user_id
        self.origin = origin
        #: The source that reported the change: it is not told its own news.
        self.source_id = source_id
        #: When it was done: now, unless the report comes late.
        self.at = min(at or now(), now())
        #: The sources to tell about these contents, where a caller looked them up for many at once.
        self.recipients: Mapping[ContentKey, Sequence[PushTarget]] = {}
        #: The number of changed contents.
        self.changed = 0
        self._change_set: ChangeSet | None = None
        self._show_ids: set[int] = set()

    @property
    def change_set_id(self) -> int | None:
        """None while there is nothing to undo."""
        if self._change_set is None or not _is_stored(self._change_set):
            return None
        return self._change_set.id

    def record(self, change_type: str, changes: Sequence[Recorded]) -> int:
        """Store the same change of several contents, so that it can be undone.

        Return the id of the change set.
        """
        if self._change_set is None or not _is_stored(self._change_set):
            self._change_set = self._new_change_set(self.source_id)
        change_set_id = self._change_set.id
        add_many(Change, [_change_row(change_set_id, change_type, change) for change in changes])
        return change_set_id

    def note_unmarked(self, contents: Sequence[Content]) -> None:
        """Note that a person calls these unwatched although nothing was known of them.

        That changes nothing now, but an older report that comes in later must not undo it.
        """
        if self.origin not in ORIGINS_OF_PEOPLE or not contents:
            return
        last_changes = _last_changes(self.user_id, contents)
        unmarked = ChangeType.MARK_UNWATCHED.value
        new = [content for content in contents if last_changes.get(content.key) != unmarked]
        if not new:
            return
        change_set_id = self._new_change_set(source_id=None).id
        rows = [
            _change_row(change_set_id, unmarked, Recorded(content, None, None)) for content in new
        ]
        add_many(Change, rows)

    def mark_changed(self, content: Content) -> None:
        """Note that the user's state of this content changed."""
        self.changed += 1
        if isinstance(content, Episode):
            self._show_ids.add(content.media_item_id)

    def finish(self) -> None:
        """Work out the next episode of every changed show."""
        db.session.flush()
        for show_id in sorted(self._show_ids):
            shows.refresh(self.user_id, show_id)
        self._show_ids.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.finish()

    def _new_change_set(self, source_id: int | None) -> ChangeSet:
        change_set = ChangeSet(
            user_id=self.user_id, origin=self.origin, source_id=source_id, created_at=self.at
        )
        db.session.add(change_set)
        db.session.flush()
        return change_set


def _is_stored(change_set: ChangeSet) -> bool:
    """Return False after a rollback of the transaction in which it was made."""
    return instance_state(change_set).has_identity


def _change_row(change_set_id: int, change_type: str, change: Recorded) -> dict[str, Any]:
    return {
        "change_set_id": change_set_id,
        **change.content.key.columns,
        "change_type": change_type,
        "before": change.before,
        "after": change.after,
    }


def _last_changes(user_id: int, contents: Sequence[Content]) -> Mapping[ContentKey, str]:
    """Return the type of each content's last change that was not undone."""
    keys = [content.key for content in contents]
    rows = db.session.execute(
        select(Change.media_item_id, Change.episode_id, Change.change_type)
        .join(ChangeSet, ChangeSet.id == Change.change_set_id)
        .where(
            ChangeSet.user_id == user_id,
            ChangeSet.undone_at.is_(None),
            Change.of_any(keys),
        )
        .order_by(Change.id)
    )
    return {ContentKey.from_columns(*columns): change_type for *columns, change_type in rows}
