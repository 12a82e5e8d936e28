"""Films, shows and episodes, the ids other catalogues know them by, and what names one of them."""

from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import Any, Literal, NamedTuple, Self

from sqlalchemy import CheckConstraint, ColumnElement, ForeignKey, Index, UniqueConstraint, or_
from sqlalchemy import false as sql_false
from sqlalchemy.orm import Mapped, declared_attr, mapped_column, relationship

from mydia_web.clock import now
from mydia_web.db import BigId, UTCDateTime, db

ContentKind = Literal["movie", "episode"]


class ContentKey(NamedTuple):
    """The identity of one film or one episode."""

    kind: ContentKind
    id: int

    @classmethod
    def from_columns(cls, media_item_id: int | None, episode_id: int | None) -> Self:
        """Return the key of a row. An episode's row may name its show as well."""
        if episode_id is not None:
            return cls("episode", episode_id)
        if media_item_id is None:
            raise ValueError("a row names neither a film nor an episode")
        return cls("movie", media_item_id)

    @property
    def columns(self) -> dict[str, int | None]:
        """The values of the columns that `ContentColumns` adds to a table."""
        if self.kind == "movie":
            return {"media_item_id": self.id, "episode_id": None}
        return {"media_item_id": None, "episode_id": self.id}


def split_keys(keys: Iterable[ContentKey]) -> tuple[list[int], list[int]]:
    """Return the ids of the films among these keys, and those of the episodes."""
    films: list[int] = []
    episodes: list[int] = []
    for key in keys:
        (films if key.kind == "movie" else episodes).append(key.id)
    return films, episodes


class ContentColumns:
    """The columns of a table whose rows are each about one film or one episode."""

    @declared_attr
    def media_item_id(cls) -> Mapped[int | None]:  # noqa: N805 - SQLAlchemy passes the class
        return mapped_column(ForeignKey("media_items.id", ondelete="CASCADE"))

    @declared_attr
    def episode_id(cls) -> Mapped[int | None]:  # noqa: N805
        return mapped_column(ForeignKey("episodes.id", ondelete="CASCADE"))

    @classmethod
    def of(cls, content: "Content") -> ColumnElement[bool]:
        """Return the condition that a row is about this film or episode."""
        return cls.of_any([content.key])

    @classmethod
    def of_any(cls, keys: Iterable[ContentKey]) -> ColumnElement[bool]:
        """Return the condition that a row is about one of these.

        A kind without keys is left out: asked for a film or for one of no episodes, SQLite reads
        all rows of a user or a source instead of looking into its indexes.
        """
        films, episodes = split_keys(keys)
        conditions: list[ColumnElement[bool]] = []
        if films:
            conditions.append(cls._is_film(films))
        if episodes:
            conditions.append(_is_in(cls.episode_id, episodes))
        return or_(sql_false(), *conditions)

    @classmethod
    def _is_film(cls, film_ids: Collection[int]) -> ColumnElement[bool]:
        return _is_in(cls.media_item_id, film_ids)

    @property
    def content_key(self) -> ContentKey:
        return ContentKey.from_columns(self.media_item_id, self.episode_id)

    def set_content(self, content: "Content") -> None:
        for column, value in content.key.columns.items():
            setattr(self, column, value)


def _is_in(column: Any, ids: Collection[int]) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = column.in_(ids)
    if len(ids) == 1:
        condition = column == next(iter(ids))
    return condition


def one_content() -> CheckConstraint:
    """Return the constraint that a row is about a film or an episode, not both."""
    return CheckConstraint("(media_item_id IS NULL) <> (episode_id IS NULL)", "one_content")


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

    @property
    def key(self) -> ContentKey:
        return ContentKey("movie", self.id)

    @property
    def title_id(self) -> int:
        """The id under which everything of a film, or of a show with its episodes, is locked."""
        return self.id


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
    def key(self) -> ContentKey:
        return ContentKey("episode", self.id)

    @property
    def title_id(self) -> int:
        """The id of its show, under which all of its episodes are locked together."""
        return self.media_item_id

    @property
    def code(self) -> str:
        return f"S{self.season_number:02}E{self.episode_number:02}"


#: What can be watched: a film (a `MediaItem` of type movie) or an `Episode`.
Content = MediaItem | Episode


class ExternalId(ContentColumns, db.Model):  # type: ignore[name-defined,misc]
    """What another catalogue calls a film, show or episode."""

    __tablename__ = "external_ids"

    id: Mapped[int] = mapped_column(primary_key=True)
    #: `imdb`, `tmdb`, `tvdb`, …
    provider: Mapped[str]
    #: `movie`, `show` or `episode`: catalogues number each of them from 1.
    kind: Mapped[str]
    value: Mapped[str]

    __table_args__ = (
        one_content(),
        Index("ix_external_ids_media_item_id", "media_item_id"),
        Index("ix_external_ids_episode_id", "episode_id"),
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
