"""Progress, plays, change sets, and what to watch next in each show."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from mydia_web.clock import now
from mydia_web.db import BigId, UTCDateTime, db
from mydia_web.library.models import ContentColumns, one_content


class PlaybackProgress(ContentColumns, db.Model):  # type: ignore[name-defined,misc]
    """How far a user is in a film or an episode, whichever file was played."""

    __tablename__ = "playback_progress"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    position_seconds: Mapped[int]
    duration_seconds: Mapped[int]
    #: Position in percent of the duration.
    completion_percentage: Mapped[float]
    watched: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    last_watched_at: Mapped[datetime] = mapped_column(UTCDateTime)
    #: Begun and not finished, rewatches included: what Continue Watching shows.
    in_progress: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    #: Taken off Continue Watching, with its position kept, until it is watched again.
    dismissed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    inserted_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now, onupdate=now)

    __table_args__ = (
        one_content(),
        CheckConstraint("position_seconds >= 0", "position"),
        CheckConstraint("duration_seconds > 0", "duration"),
        CheckConstraint(
            "completion_percentage >= 0 AND completion_percentage <= 100", "percentage"
        ),
        UniqueConstraint("user_id", "media_item_id"),
        UniqueConstraint("user_id", "episode_id"),
        Index("ix_playback_progress_user_id", "user_id", "last_watched_at"),
        Index("ix_playback_progress_media_item_id", "media_item_id"),
        Index("ix_playback_progress_episode_id", "episode_id"),
        Index("ix_playback_progress_last_watched_at", "last_watched_at"),
        Index(
            "ix_playback_progress_continue",
            *("user_id", "last_watched_at", "id"),
            sqlite_where=text(
                "in_progress = 1 AND dismissed_at IS NULL AND media_item_id IS NOT NULL"
            ),
            postgresql_where=text(
                "in_progress AND dismissed_at IS NULL AND media_item_id IS NOT NULL"
            ),
        ),
    )


class Play(ContentColumns, db.Model):  # type: ignore[name-defined,misc]
    """One finished viewing of a film or an episode: a row of History."""

    __tablename__ = "plays"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    #: None: nobody knows when.
    watched_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    origin: Mapped[str]
    source_id: Mapped[int | None] = mapped_column(
        ForeignKey("sources.id", ondelete="SET NULL"), index=True
    )
    change_set_id: Mapped[int | None] = mapped_column(
        ForeignKey("change_sets.id", ondelete="SET NULL"), index=True
    )
    inserted_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)

    __table_args__ = (
        one_content(),
        Index("ix_plays_user_id", "user_id", "watched_at", "id"),
        Index("ix_plays_media_item_id", "media_item_id", "user_id", "watched_at", "id"),
        Index("ix_plays_episode_id", "episode_id", "user_id", "watched_at", "id"),
        # PostgreSQL does not know that the first index has rows without a date in the order of ids.
        Index(
            "ix_plays_undated",
            *("user_id", "id"),
            sqlite_where=text("watched_at IS NULL"),
            postgresql_where=text("watched_at IS NULL"),
        ),
    )


class ChangeSet(db.Model):  # type: ignore[name-defined,misc]
    """The changes of one act: the unit of undo."""

    __tablename__ = "change_sets"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    origin: Mapped[str]
    #: The source the changes came from, for origins `webhook` and `pull`.
    source_id: Mapped[int | None] = mapped_column(
        ForeignKey("sources.id", ondelete="SET NULL"), index=True
    )
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    undone_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class PullChangeSet(db.Model):  # type: ignore[name-defined,misc]
    """A change set that a pull brought: one for each user it was read for."""

    __tablename__ = "pull_change_sets"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    pull_id: Mapped[int] = mapped_column(ForeignKey("pulls.id", ondelete="CASCADE"))
    change_set_id: Mapped[int] = mapped_column(
        ForeignKey("change_sets.id", ondelete="CASCADE"), index=True
    )

    __table_args__ = (UniqueConstraint("pull_id", "change_set_id"),)


class Change(ContentColumns, db.Model):  # type: ignore[name-defined,misc]
    """The change of one content, with everything it takes to undo it."""

    __tablename__ = "changes"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    change_set_id: Mapped[int] = mapped_column(
        ForeignKey("change_sets.id", ondelete="CASCADE"), index=True
    )
    change_type: Mapped[str]
    #: Snapshots of the progress record before and after; None: there was no record.
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))

    __table_args__ = (
        one_content(),
        Index("ix_changes_media_item_id", "media_item_id"),
        Index("ix_changes_episode_id", "episode_id"),
    )


class ShowProgress(db.Model):  # type: ignore[name-defined,misc]
    """Where a user is in a show, kept up to date by writers so that the home page only reads."""

    __tablename__ = "show_progress"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    media_item_id: Mapped[int] = mapped_column(
        ForeignKey("media_items.id", ondelete="CASCADE"), index=True
    )
    #: `continue` | `next` | `start` | `all_watched`
    state: Mapped[str]
    next_episode_id: Mapped[int | None] = mapped_column(
        ForeignKey("episodes.id", ondelete="SET NULL"), index=True
    )
    last_activity_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    #: Taken off Continue Watching until it is watched again.
    dismissed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    dropped_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    snoozed_until: Mapped[datetime | None] = mapped_column(UTCDateTime)

    __table_args__ = (
        CheckConstraint("state IN ('continue', 'next', 'start', 'all_watched')", "state"),
        UniqueConstraint("user_id", "media_item_id"),
        Index(
            "ix_show_progress_continue",
            *("user_id", "last_activity_at", "id"),
            sqlite_where=text(
                "next_episode_id IS NOT NULL AND dropped_at IS NULL AND dismissed_at IS NULL"
            ),
            postgresql_where=text(
                "next_episode_id IS NOT NULL AND dropped_at IS NULL AND dismissed_at IS NULL"
            ),
        ),
    )
