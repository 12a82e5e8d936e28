"""Media items, episodes and the ids other catalogues know them by."""

from datetime import date, datetime
from typing import Literal

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from mydia_web.clock import now
from mydia_web.db import BigId, UTCDateTime, db

ONE_CONTENT = "(media_item_id IS NULL) <> (episode_id IS NULL)"


class MediaItem(db.Model):  # type: ignore[name-defined,misc]
    """A film or a show."""

    __tablename__ = "media_items"

    id: Mapped[int] = mapped_column(primary_key=True)
    type: Mapped[str]
    title: Mapped[str]
    #: The title without case, accents and leading article, for sorting and searching.
    sort_title: Mapped[str] = mapped_column(default="")
    original_title: Mapped[str | None]
    year: Mapped[int | None]
    runtime_seconds: Mapped[int | None]
    artwork_key: Mapped[str | None]
    inserted_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now, onupdate=now)

    __table_args__ = (
        CheckConstraint("type IN ('movie', 'show')", "type"),
        CheckConstraint("runtime_seconds > 0", "runtime"),
        Index("ix_media_items_type_sort_title", "type", "sort_title", "id"),
    )

    @property
    def content_kind(self) -> Literal["movie"]:
        return "movie"


class Episode(db.Model):  # type: ignore[name-defined,misc]
    """One episode of a show. Season 0 holds the specials; episode 0 exists."""

    __tablename__ = "episodes"

    id: Mapped[int] = mapped_column(primary_key=True)
    media_item_id: Mapped[int] = mapped_column(ForeignKey("media_items.id", ondelete="CASCADE"))
    season_number: Mapped[int]
    episode_number: Mapped[int]
    title: Mapped[str] = mapped_column(default="")
    air_date: Mapped[date | None]
    runtime_seconds: Mapped[int | None]
    artwork_key: Mapped[str | None]
    inserted_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now, onupdate=now)

    show: Mapped[MediaItem] = relationship(lazy="raise_on_sql")

    __table_args__ = (
        UniqueConstraint("media_item_id", "season_number", "episode_number"),
        CheckConstraint("season_number >= 0", "season"),
        CheckConstraint("episode_number >= 0", "episode"),
        CheckConstraint("runtime_seconds > 0", "runtime"),
    )

    @property
    def content_kind(self) -> Literal["episode"]:
        return "episode"

    @property
    def code(self) -> str:
        return f"S{self.season_number:02}E{self.episode_number:02}"


#: What can be watched: a film (a `MediaItem` of type movie) or an `Episode`.
Content = MediaItem | Episode


class ExternalId(db.Model):  # type: ignore[name-defined,misc]
    """What another catalogue calls a film, show or episode."""

    __tablename__ = "external_ids"

    id: Mapped[int] = mapped_column(primary_key=True)
    media_item_id: Mapped[int | None] = mapped_column(
        ForeignKey("media_items.id", ondelete="CASCADE"), index=True
    )
    episode_id: Mapped[int | None] = mapped_column(
        ForeignKey("episodes.id", ondelete="CASCADE"), index=True
    )
    #: `imdb`, `tmdb`, `tvdb`, …
    provider: Mapped[str]
    #: `movie`, `show` or `episode`: catalogues number each of them from 1.
    kind: Mapped[str]
    value: Mapped[str]

    __table_args__ = (
        CheckConstraint(ONE_CONTENT, "one_content"),
        CheckConstraint("(kind = 'episode') = (episode_id IS NOT NULL)", "kind"),
        UniqueConstraint("provider", "kind", "value"),
    )


class Artwork(db.Model):  # type: ignore[name-defined,misc]
    """A picture on a source, cached on first sight under its key."""

    __tablename__ = "artworks"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"), index=True)
    url: Mapped[str]
    #: When fetching it last failed: it is not asked for again at once.
    failed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
