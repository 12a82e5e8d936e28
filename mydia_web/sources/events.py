"""News that servers sent, stored before anything is made of it, and what plays now."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from mydia_web.clock import now
from mydia_web.db import BigId, UTCDateTime, db


class SourceEvent(db.Model):  # type: ignore[name-defined,misc]
    """One request that a server sent to its webhook address."""

    __tablename__ = "source_events"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"))
    received_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    #: Whose format it is in: `jellyfin`, `tautulli`, `generic`, …
    kind: Mapped[str]
    #: JSON, without the pictures that may come along.
    body: Mapped[str]
    #: `received` | `applied` | `ignored` | `failed`
    status: Mapped[str] = mapped_column(default="received")
    #: What the server calls it.
    name: Mapped[str] = mapped_column(default="")
    #: What came of it, in words.
    message: Mapped[str] = mapped_column(default="")

    __table_args__ = (
        CheckConstraint("status IN ('received', 'applied', 'ignored', 'failed')", "status"),
        Index("ix_source_events_source_id", "source_id", "id"),
        Index(
            "ix_source_events_received",
            "id",
            sqlite_where=text("status = 'received'"),
            postgresql_where=text("status = 'received'"),
        ),
    )


class NowPlaying(db.Model):  # type: ignore[name-defined,misc]
    """An item that an account plays on its source just now."""

    __tablename__ = "now_playing"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    source_account_id: Mapped[int] = mapped_column(
        ForeignKey("source_accounts.id", ondelete="CASCADE")
    )
    source_item_id: Mapped[int] = mapped_column(
        ForeignKey("source_items.id", ondelete="CASCADE"), index=True
    )
    position_ms: Mapped[int] = mapped_column(BigId, default=0)
    paused: Mapped[bool] = mapped_column(default=False)
    device: Mapped[str] = mapped_column(default="")
    began_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    #: When it was last heard of: a server that dies tells no end.
    seen_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    #: `position_ms` is what the server tells, and not only for the eye.
    tells_position: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: When `position_ms` was last heard to be another than before: a player may be left paused for
    #: hours.
    moved_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    #: The furthest it was heard to be.
    furthest_ms: Mapped[int] = mapped_column(BigId, default=0, server_default="0")
    #: What the server has saved of it while it played, and when that was by our clock and by its
    #: own.
    saved_watched: Mapped[bool | None]
    saved_position_ms: Mapped[int | None] = mapped_column(BigId)
    saved_play_count: Mapped[int | None]
    saved_last_played_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    saved_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    #: When the play ended with what the server saved then. The message that it has stopped may
    #: follow.
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    #: When it was taken over although no end was heard of.
    taken_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    __table_args__ = (UniqueConstraint("source_account_id", "source_item_id"),)
