"""An act: what one click, pull or import changes together, and what it takes to undo it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from sqlalchemy import select
from sqlalchemy.orm.attributes import instance_state

from mydia_web.clock import now
from mydia_web.db import add_many, db
from mydia_web.library.models import Content, ContentKey, Episode
from mydia_web.playback import shows
from mydia_web.playback.models import Change, ChangeSet, PlaybackProgress
from mydia_web.queue.models import ChangeType
from mydia_web.sources.accounts import PushTarget

#: Who may cause a change.
ORIGINS = ("web", "api", "player", "webhook", "pull", "import")

#: Those of a person who says something here, and not on a server.
ORIGINS_OF_PEOPLE = ("web", "api")

#: A progress record as `snapshot` keeps it; None: there is none.
State = dict[str, Any] | None


class Act:
    """Collects changes of one user into one change set, made with the first of them.

    Used as a context: at its end what to watch next is brought up to date, once for each show.
    """

    def __init__(
        self, user_id: int, origin: str, *, source_id: int | None = None, at: datetime | None = None
    ) -> None:
        self.user_id = user_id
        self.origin = origin
        #: The source the news came from: it is not told what it said itself.
        self.source_id = source_id
        #: When it was done: now, but for news that come late.
        self.at = min(at or now(), now())
        #: Who is to be told of a change to these contents, by key, where that was found
        #: out for many at once.
        self.recipients: Mapping[ContentKey, Sequence[PushTarget]] = {}
        #: How many contents were changed.
        self.changed = 0
        self._change_set: ChangeSet | None = None
        self._shows: set[int] = set()

    @property
    def change_set_id(self) -> int | None:
        """None while nothing was changed that can be undone."""
        return self._change_set.id if self._change_set and self._is_kept(self._change_set) else None

    def record(self, content: Content, change_type: str, before: State, after: State) -> int:
        """Write down a change that can be undone; the id of its change set."""
        return self.record_many(change_type, [(content, before, after)])

    def record_many(self, change_type: str, changes: Sequence[tuple[Content, State, State]]) -> int:
        """Write down the same change of several contents, each with what was before and after."""
        if self._change_set is None or not self._is_kept(self._change_set):
            self._change_set = ChangeSet(
                user_id=self.user_id,
                origin=self.origin,
                source_id=self.source_id,
                created_at=self.at,
            )
            db.session.add(self._change_set)
            db.session.flush()
        change_set_id = self._change_set.id
        add_many(Change, [_change(change_set_id, change_type, *one) for one in changes])
        return change_set_id

    def note_unmarked(self, contents: Sequence[Content]) -> None:
        """Note that a person here says these are unwatched, of which nothing else is known.

        It changes nothing yet, but older news that come later must not say otherwise.
        """
        if self.origin not in ORIGINS_OF_PEOPLE or not contents:
            return
        last_said = _last_changes(self.user_id, contents)
        news = [
            one for one in contents if last_said.get(one.key) != ChangeType.MARK_UNWATCHED.value
        ]
        if not news:
            return
        said = ChangeSet(user_id=self.user_id, origin=self.origin, created_at=self.at)
        db.session.add(said)
        db.session.flush()
        add_many(
            Change,
            [_change(said.id, ChangeType.MARK_UNWATCHED.value, one, None, None) for one in news],
        )

    def _is_kept(self, change_set: ChangeSet) -> bool:
        """Return False after a rollback of the transaction in which it was made."""
        return instance_state(change_set).has_identity

    def touched(self, content: Content) -> None:
        """Note that the user's state of this content is another now."""
        self.changed += 1
        if isinstance(content, Episode):
            self._shows.add(content.media_item_id)

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

    def finish(self) -> None:
        """Bring the precomputed next episodes up to date."""
        db.session.flush()
        for show_id in sorted(self._shows):
            shows.refresh(self.user_id, show_id)
        self._shows.clear()


def _change(
    change_set_id: int, change_type: str, content: Content, before: State, after: State
) -> dict[str, Any]:
    return {
        "change_set_id": change_set_id,
        **content.key.columns,
        "change_type": change_type,
        "before": before,
        "after": after,
    }


def _last_changes(user_id: int, contents: Sequence[Content]) -> Mapping[ContentKey, str]:
    """Return of which type the last change of each content was that still stands."""
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


def snapshot(progress: PlaybackProgress | None) -> State:
    """A progress record as JSON, from which undo can make it again."""
    if progress is None:
        return None
    dismissed = progress.dismissed_at
    return {
        "position_seconds": progress.position_seconds,
        "duration_seconds": progress.duration_seconds,
        "watched": progress.watched,
        "last_watched_at": progress.last_watched_at.isoformat(),
        "dismissed_at": dismissed.isoformat() if dismissed else None,
    }
