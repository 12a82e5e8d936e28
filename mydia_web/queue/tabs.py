"""The tabs of the queue page and the filter over them, as conditions on its rows."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, text, true

from mydia_web.queue.models import GOES_OUT_AFTER_FAILURE, NEEDS_YOU, QueuedChange


class Tab(StrEnum):
    #: Goes out by itself.
    WAITING = "waiting"
    SENDING = "sending"
    DONE = "done"
    #: Only a person can help.
    NEEDS_YOU = "needs-you"


class Kind(StrEnum):
    """What a change does, as its words say."""

    WATCHED = "watched"
    UNWATCHED = "unwatched"
    POSITION = "position"
    #: A play that a service counts.
    PLAY = "play"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which changes are asked for; None means all."""

    user_id: int | None = None
    source_id: int | None = None
    kind: Kind | None = None

    @property
    def of_user(self) -> ColumnElement[bool]:
        return true() if self.user_id is None else QueuedChange.user_id == self.user_id

    @property
    def of_source(self) -> ColumnElement[bool]:
        return true() if self.source_id is None else QueuedChange.source_id == self.source_id

    @property
    def fits(self) -> ColumnElement[bool]:
        """What it asks beyond the user."""
        return and_(self.of_source, true() if self.kind is None else _KINDS[self.kind])


@dataclass(frozen=True, slots=True)
class Branch:
    """What belongs to a tab, or a part of it, that indexes hold from the last touched to the first."""

    where: ColumnElement[bool]
    #: The order of the index that holds them by source; () where there is none.
    by_source: tuple[Any, ...] = ()


_OLD_PLAY = QueuedChange.play_key != ""
_KINDS: dict[Kind, ColumnElement[bool]] = {
    Kind.WATCHED: and_(QueuedChange.completed.is_(True), ~_OLD_PLAY),
    Kind.UNWATCHED: QueuedChange.completed.is_(False),
    Kind.POSITION: QueuedChange.completed.is_(None),
    Kind.PLAY: _OLD_PLAY,
}

# Not written with `status = 'failed'`, which would lead the planner to the index of all failed
# rows: of a million that wait for a person, the ten that go out by themselves could only be found
# by reading them all.
needs_you: Any = text(NEEDS_YOU)
_goes_out_after_failure: Any = text(GOES_OUT_AFTER_FAILURE)


def _has_status(status: str) -> Branch:
    return Branch(QueuedChange.status == status, (QueuedChange.user_id,))


_BRANCHES = {
    Tab.WAITING: (_has_status("pending"), Branch(_goes_out_after_failure)),
    Tab.SENDING: (_has_status("syncing"),),
    Tab.DONE: (_has_status("synced"),),
    Tab.NEEDS_YOU: (Branch(needs_you, (QueuedChange.next_attempt_at, QueuedChange.user_id)),),
}


def branches(tab: Tab) -> tuple[Branch, ...]:
    return _BRANCHES[tab]
