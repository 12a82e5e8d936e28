"""Sources, people's accounts on them, their items, and the state each last showed."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, UniqueConstraint, false, text, true
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from mydia_web.clock import now
from mydia_web.db import BigId, UTCDateTime, db
from mydia_web.library.models import ContentColumns, one_content
from mydia_web.names import name_key


class Source(db.Model):  # type: ignore[name-defined,misc]
    """A server, an account service or a folder added by an admin."""

    __tablename__ = "sources"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    name: Mapped[str] = mapped_column(unique=True)
    #: What all spellings of the name have in common.
    name_key: Mapped[str] = mapped_column(unique=True)
    #: A folder's path for kind `folder`.
    base_url: Mapped[str]
    #: The server's own id, the same wherever it moves; "" if it has none.
    server_id: Mapped[str] = mapped_column(default="", server_default="")
    #: The ids of the libraries to read, one per line; "": all of them.
    library_ids: Mapped[str] = mapped_column(default="", server_default="")
    #: "": certificates are checked as this machine trusts them; `off`: not at all; else the path of
    #: a CA file.
    tls: Mapped[str] = mapped_column(default="", server_default="")
    enabled: Mapped[bool] = mapped_column(default=True)
    last_ok_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    last_error: Mapped[str | None]
    last_error_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    #: Its clock minus ours, when that was last measured and found to be another than before.
    clock_skew_ms: Mapped[int | None] = mapped_column(BigId)
    #: The switches of its admin: what is taken from it, and what it is told.
    takes_watched: Mapped[bool] = mapped_column(default=True, server_default=true())
    takes_positions: Mapped[bool] = mapped_column(default=True, server_default=true())
    tells_watched: Mapped[bool] = mapped_column(default=True, server_default=true())
    tells_positions: Mapped[bool] = mapped_column(default=True, server_default=true())
    #: Who wins where both sides changed: `local-progressive` | `last-write-wins` | `always-local`.
    strategy: Mapped[str] = mapped_column(
        default="local-progressive", server_default="local-progressive"
    )
    #: Part of its secret webhook address; "": it has none.
    webhook_key: Mapped[str] = mapped_column(default="", server_default="")
    #: When its last event came in.
    last_event_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    #: The number of pushes at a time; None: the default of its kind.
    concurrency: Mapped[int | None]
    #: Nothing is claimed for it before this: it asked us to wait, or it is probed then.
    paused_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    #: Why it is paused: `operator` | `rate_limited` | `down`.
    pause_reason: Mapped[str | None]
    #: Deliveries that failed in a row because the server could not be reached or was in trouble.
    failure_count: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)

    @validates("name")
    def _keep_key(self, _field: str, name: str) -> str:
        self.name_key = name_key(name)
        return name


class SourceAccount(db.Model):  # type: ignore[name-defined,misc]
    """One user on one source."""

    __tablename__ = "source_accounts"

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    remote_user_id: Mapped[str] = mapped_column(default="")
    remote_user_name: Mapped[str] = mapped_column(default="", server_default="")
    #: How mydia-web names this account's device; a shared name would end another one's sign-in.
    device_id: Mapped[str] = mapped_column(default=lambda: str(uuid.uuid4()), server_default="")
    #: Encrypted JSON that signs the user in.
    credentials: Mapped[str] = mapped_column(default="")
    #: When the request began whose refusal is believed; deliveries wait for a success or a person.
    refused_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    #: When the first refused request began; one refusal alone is not believed.
    doubted_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    #: When one delivery may try a sign-in that is in question; None: no delivery waits for it.
    ask_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    #: When the server last accepted the sign-in, to within seconds.
    accepted_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    #: When the last complete pull began, and the last full scan.
    pulled_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    swept_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    #: The number of titles at that time; None: unknown.
    library_size: Mapped[int | None]
    #: Until when one worker may be renewing the credentials, and the others wait for it.
    renewing_until: Mapped[datetime | None] = mapped_column(UTCDateTime)

    source: Mapped[Source] = relationship(lazy="raise_on_sql")

    __table_args__ = (UniqueConstraint("source_id", "user_id"),)


class AccountLink(db.Model):  # type: ignore[name-defined,misc]
    """A sign-in under way: a code that the user has yet to confirm at the server."""

    __tablename__ = "account_links"

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    code: Mapped[str]
    #: Where the code is confirmed.
    url: Mapped[str]
    #: Encrypted JSON that only mydia-web may know.
    secret: Mapped[str]
    interval_seconds: Mapped[float]
    #: The server is not asked before this.
    next_poll_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    #: Why the last poll failed, or why the code is no longer valid, in words.
    message: Mapped[str] = mapped_column(default="")

    __table_args__ = (UniqueConstraint("source_id", "user_id"),)


class SourceItem(ContentColumns, db.Model):  # type: ignore[name-defined,misc]
    """One copy of one content: a remote id on a source."""

    __tablename__ = "source_items"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"))
    remote_id: Mapped[str]
    #: The file on the server, if known.
    path: Mapped[str] = mapped_column(default="")
    #: A person identified it; no pull overrules that.
    matched_by_hand: Mapped[bool] = mapped_column(default=False, server_default=false())
    seen_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)

    __table_args__ = (
        one_content(),
        UniqueConstraint("source_id", "remote_id"),
        Index("ix_source_items_media_item_id", "media_item_id", "source_id"),
        Index("ix_source_items_episode_id", "episode_id", "source_id"),
    )


class SourceItemEpisode(db.Model):  # type: ignore[name-defined,misc]
    """An extra episode in the file of a source item, which itself stands for the first one."""

    __tablename__ = "source_item_episodes"

    source_item_id: Mapped[int] = mapped_column(
        ForeignKey("source_items.id", ondelete="CASCADE"), primary_key=True
    )
    episode_id: Mapped[int] = mapped_column(
        ForeignKey("episodes.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    #: A state that the item showed before this says nothing about the episode.
    since: Mapped[datetime] = mapped_column(UTCDateTime)


class SourceItemVersion(db.Model):  # type: ignore[name-defined,misc]
    """An extra file of a source item: the server has an id for it, but does not list it."""

    __tablename__ = "source_item_versions"

    source_id: Mapped[int] = mapped_column(
        ForeignKey("sources.id", ondelete="CASCADE"), primary_key=True
    )
    remote_id: Mapped[str] = mapped_column(primary_key=True)
    source_item_id: Mapped[int] = mapped_column(
        ForeignKey("source_items.id", ondelete="CASCADE"), index=True
    )


class UnmatchedItem(db.Model):  # type: ignore[name-defined,misc]
    """A remote item that was not recognised; listed on its source's page."""

    __tablename__ = "unmatched_items"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"))
    remote_id: Mapped[str]
    title: Mapped[str]
    reason: Mapped[str]
    #: The file on the server, where it tells.
    path: Mapped[str] = mapped_column(default="", server_default="")
    #: The folder to identify at once: the file's own, or the show's above a season.
    folder: Mapped[str] = mapped_column(default="", server_default="")
    #: The numbers that the server gives an episode.
    season_number: Mapped[int | None]
    episode_number: Mapped[int | None]
    seen_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)

    __table_args__ = (
        UniqueConstraint("source_id", "remote_id"),
        Index("ix_unmatched_items_folder", "source_id", "folder", "id"),
    )


class SourceItemState(db.Model):  # type: ignore[name-defined,misc]
    """The state an account's item last showed or accepted: the base of the three-way merge."""

    __tablename__ = "source_item_states"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    source_account_id: Mapped[int] = mapped_column(
        ForeignKey("source_accounts.id", ondelete="CASCADE")
    )
    source_item_id: Mapped[int] = mapped_column(
        ForeignKey("source_items.id", ondelete="CASCADE"), index=True
    )
    watched: Mapped[bool]
    position_ms: Mapped[int] = mapped_column(BigId, default=0)
    play_count: Mapped[int] = mapped_column(default=0)
    last_played_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    seen_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    #: The source listed it by itself; False: it accepted our push and has yet to list it.
    is_listed: Mapped[bool] = mapped_column(default=True, server_default=true())
    #: When that was by the server's clock, from an event; reports from before that are old.
    told_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    #: The remote id of the file that was played; "": the listed one.
    version_id: Mapped[str] = mapped_column(default="", server_default="")

    __table_args__ = (UniqueConstraint("source_account_id", "source_item_id"),)


class Pull(db.Model):  # type: ignore[name-defined,misc]
    """One reading of a source: requested, running with its progress, or done with its result."""

    __tablename__ = "pulls"

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"))
    #: `requested` | `running` | `done` | `failed`
    status: Mapped[str] = mapped_column(default="requested")
    requested_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    #: When the present or the interrupted try began; None: no worker has taken it yet.
    began_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    #: When it last made progress: it began, took something in, or was given back.
    moved_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    #: The token of the worker that runs it, which fences every write.
    claim_token: Mapped[str | None]
    #: Renewed by its worker; a worker that is silent for longer counts as dead.
    lease_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int | None]
    #: The result, or why it failed, in words.
    message: Mapped[str] = mapped_column(default="")
    #: It only reports what it would change.
    is_preview: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: It is a full scan, even where the server can list what changed.
    is_sweep: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: A person said that the many titles unwatched or gone at once are meant so.
    takes_removals: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: A person said that they are not: the source is told again that they are watched.
    keeps_ours: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: The number of titles that were unwatched at once and wait for a person.
    held_back: Mapped[int] = mapped_column(default=0, server_default="0")
    #: The number of titles that were gone at once and were kept.
    missing: Mapped[int] = mapped_column(default=0, server_default="0")
    #: The number of tries in a row that brought nothing, because their process died.
    tries: Mapped[int] = mapped_column(default=0, server_default="0")
    #: What earlier tries took in, so that the next one can skip it.
    progress: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default="{}")
    #: What was requested meanwhile and runs next: `""` | `pull` | `sweep` | `removals` | `keep`.
    followed_by: Mapped[str] = mapped_column(default="", server_default="")

    __table_args__ = (
        CheckConstraint("status IN ('requested', 'running', 'done', 'failed')", "status"),
        Index("ix_pulls_source_id_id", "source_id", "id"),
        # One pull at a time for a source, however often the button is pressed.
        Index(
            "uq_pulls_open",
            "source_id",
            unique=True,
            sqlite_where=text("finished_at IS NULL"),
            postgresql_where=text("finished_at IS NULL"),
        ),
    )


class SourceEvent(db.Model):  # type: ignore[name-defined,misc]
    """One request that a server sent to its webhook address."""

    __tablename__ = "source_events"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"))
    received_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    #: Its format: `jellyfin`, `tautulli`, `generic`, …
    kind: Mapped[str]
    #: JSON, without the pictures that may come with it.
    body: Mapped[str]
    #: `received` | `applied` | `ignored` | `failed`
    status: Mapped[str] = mapped_column(default="received")
    #: What the server calls it.
    name: Mapped[str] = mapped_column(default="")
    #: The result, in words.
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
    """An item that an account plays on its source right now."""

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
    #: When it was last reported: a server that dies reports no end.
    seen_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    #: `position_ms` may be taken over, and is not only for display.
    tells_position: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: When `position_ms` last changed: a player may be left paused for hours.
    moved_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    #: The furthest position that was reported.
    furthest_ms: Mapped[int] = mapped_column(BigId, default=0, server_default="0")
    #: What the server saved while it played, and when, by our clock and by its own.
    saved_watched: Mapped[bool | None]
    saved_position_ms: Mapped[int | None] = mapped_column(BigId)
    saved_play_count: Mapped[int | None]
    saved_last_played_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    saved_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    #: When the play ended with what the server saved; the report of its stop may still come.
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    #: When it was taken over without a reported end.
    taken_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    __table_args__ = (UniqueConstraint("source_account_id", "source_item_id"),)
