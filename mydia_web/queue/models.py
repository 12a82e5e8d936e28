"""The table of queued changes.

One row is the latest state wanted of one content for one user on one source.
"""

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ColumnElement, ForeignKey, Index, and_, text
from sqlalchemy.orm import Mapped, mapped_column

from mydia_web.clock import now
from mydia_web.db import BigId, UTCDateTime, db
from mydia_web.library.models import ContentColumns


class ChangeType(StrEnum):
    PROGRESS_UPDATE = "progress_update"
    MARK_WATCHED = "mark_watched"
    MARK_UNWATCHED = "mark_unwatched"


class Status(StrEnum):
    #: Owed; goes out at `next_attempt_at`.
    PENDING = "pending"
    #: Claimed by a worker until `lease_until`.
    SYNCING = "syncing"
    #: The server has taken it.
    SYNCED = "synced"
    #: The last attempt failed. It is tried again while `next_attempt_at` is set; otherwise a person
    #: must help.
    FAILED = "failed"


# Written without `status = …` on purpose: `board` says why.
GOES_OUT_AFTER_FAILURE = "status <> 'pending' AND next_attempt_at IS NOT NULL"
NEEDS_YOU = "status <> 'synced' AND next_attempt_at IS NULL AND lease_until IS NULL"


def _where(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    return Index(
        name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where)
    )


class QueuedChange(ContentColumns, db.Model):  # type: ignore[name-defined,misc]
    """A change owed to one source. For an episode `media_item_id` is its show."""

    __tablename__ = "playback_sync_queue"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    media_item_id: Mapped[int] = mapped_column(ForeignKey("media_items.id", ondelete="CASCADE"))
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    #: "" for the state row. A play that a service counts has a row of its own once a newer one has
    #: come.
    play_key: Mapped[str] = mapped_column(default="", server_default="")

    change_type: Mapped[str]
    #: The position register: None leaves the server's position alone.
    position_ms: Mapped[int | None] = mapped_column(BigId)
    duration_ms: Mapped[int | None] = mapped_column(BigId)
    #: The watched register: None leaves the server's mark alone.
    completed: Mapped[bool | None]
    #: When the title was finished; the epoch where nobody knows. None: it was not.
    watched_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    #: When the person did it.
    intent_at: Mapped[datetime] = mapped_column(UTCDateTime)
    #: Grows by one with every change folded in. An acknowledgement holds for the number it carries.
    intent_seq: Mapped[int] = mapped_column(BigId, default=1, server_default="1")
    #: The `intent_seq` that the current claim carries to the server.
    claimed_seq: Mapped[int | None] = mapped_column(BigId)
    #: The `intent_seq` the server last took.
    synced_seq: Mapped[int] = mapped_column(BigId, default=0, server_default="0")
    #: The `intent_at` that the current claim carries.
    claimed_intent_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    #: The `intent_at` of claims since `synced_seq` whose push may have arrived although no answer
    #: came, with a comma after each.
    unconfirmed: Mapped[str] = mapped_column(default="", server_default="")
    origin: Mapped[str]
    change_set_id: Mapped[int | None] = mapped_column(
        ForeignKey("change_sets.id", ondelete="SET NULL")
    )
    #: What was owed when that change set came: `STATE_COLUMNS` and `SCHEDULE_COLUMNS` of `intents`.
    #: Undo restores them.
    before_change: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))

    status: Mapped[str] = mapped_column(default=Status.PENDING, server_default="pending")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now, onupdate=now)
    last_attempt_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    attempt_count: Mapped[int] = mapped_column(default=0, server_default="0")
    #: None: in flight, delivered, or waiting for a person.
    next_attempt_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    claim_token: Mapped[str | None]
    lease_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    error_class: Mapped[str | None]
    error_message: Mapped[str | None]

    @classmethod
    def _is_film(cls, film_ids: Collection[int]) -> ColumnElement[bool]:
        # An episode's row names its show here.
        return and_(super()._is_film(film_ids), cls.episode_id.is_(None))

    __table_args__ = (
        CheckConstraint(
            "change_type IN ('progress_update', 'mark_watched', 'mark_unwatched')", "change_type"
        ),
        CheckConstraint("status IN ('pending', 'syncing', 'synced', 'failed')", "status"),
        CheckConstraint("position_ms >= 0", "position"),
        CheckConstraint("(status = 'syncing') = (claim_token IS NOT NULL)", "claim"),
        CheckConstraint("(status = 'syncing') = (lease_until IS NOT NULL)", "lease"),
        CheckConstraint("status <> 'pending' OR next_attempt_at IS NOT NULL", "pending_is_due"),
        CheckConstraint(
            "status NOT IN ('syncing', 'synced') OR next_attempt_at IS NULL", "settled_is_not_due"
        ),
        _where(
            "uq_playback_sync_queue_movie",
            "user_id",
            "media_item_id",
            "source_id",
            "play_key",
            where="episode_id IS NULL",
            unique=True,
        ),
        _where(
            "uq_playback_sync_queue_episode",
            "episode_id",
            "user_id",
            "source_id",
            "play_key",
            where="episode_id IS NOT NULL",
            unique=True,
        ),
        # Led by the source, so that a million rows of one dead server cost the others nothing.
        _where(
            "ix_playback_sync_queue_due",
            "source_id",
            "next_attempt_at",
            "id",
            where="next_attempt_at IS NOT NULL",
        ),
        _where("ix_playback_sync_queue_lease", "lease_until", where="lease_until IS NOT NULL"),
        # Rows that go out again after a failure, in the order of claims and in that of the page;
        # rows that need a person.
        _where(
            "ix_playback_sync_queue_retry", "next_attempt_at", "id", where=GOES_OUT_AFTER_FAILURE
        ),
        _where("ix_playback_sync_queue_waiting", "updated_at", "id", where=GOES_OUT_AFTER_FAILURE),
        _where("ix_playback_sync_queue_needs_you", "updated_at", "id", where=NEEDS_YOU),
        # The time is NULL throughout. A query that orders by it makes SQLite prefer this index to
        # the one of all statuses.
        _where(
            "ix_playback_sync_queue_needs_you_source",
            "source_id",
            "next_attempt_at",
            "user_id",
            where=NEEDS_YOU,
        ),
        # The same two tabs of one user.
        _where(
            "ix_playback_sync_queue_own_waiting",
            "user_id",
            "updated_at",
            "id",
            where=GOES_OUT_AFTER_FAILURE,
        ),
        _where(
            "ix_playback_sync_queue_own_needs_you", "user_id", "updated_at", "id", where=NEEDS_YOU
        ),
        # The tabs of the queue page, newest first. The seed's three indexes begin these.
        Index("ix_playback_sync_queue_status", "status", "updated_at", "id"),
        Index("ix_playback_sync_queue_source_id", "source_id", "status", "user_id"),
        Index("ix_playback_sync_queue_media_item_id", "media_item_id"),
        Index("ix_playback_sync_queue_user_id", "user_id", "status", "updated_at", "id"),
        Index("ix_playback_sync_queue_change_set_id", "change_set_id"),
    )
