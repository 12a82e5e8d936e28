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
    #: What the server calls itself, the same wherever it moves; "" where it has no such name.
    server_id: Mapped[str] = mapped_column(default="", server_default="")
    #: The ids of the libraries to read, by lines; "": all of them.
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
    #: What is taken from it and what it is told.
    takes_watched: Mapped[bool] = mapped_column(default=True, server_default=true())
    takes_positions: Mapped[bool] = mapped_column(default=True, server_default=true())
    tells_watched: Mapped[bool] = mapped_column(default=True, server_default=true())
    tells_positions: Mapped[bool] = mapped_column(default=True, server_default=true())
    #: Who wins where both sides changed: `local-progressive` | `last-write-wins` | `always-local`.
    strategy: Mapped[str] = mapped_column(
        default="local-progressive", server_default="local-progressive"
    )
    #: A part of its secret webhook address; "": it has none.
    webhook_key: Mapped[str] = mapped_column(default="", server_default="")
    #: When its last event came in.
    last_event_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    #: How many pushes at a time it bears; None: as many as its kind.
    concurrency: Mapped[int | None]
    #: Nothing is claimed for it before this: it asked us to wait, or it is down and a probe is due
    #: then.
    paused_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    #: `operator` | `rate_limited` | `down`: why, in one word of ours.
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
    #: What we call ourselves to the server: a shared one would end another account's sign-in.
    device_id: Mapped[str] = mapped_column(default=lambda: str(uuid.uuid4()), server_default="")
    #: Encrypted JSON: what signs the user in.
    credentials: Mapped[str] = mapped_column(default="")
    #: When the request began whose refusal is believed: its deliveries wait for a success, or for a
    #: person.
    refused_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    #: When the request began that was refused first, which alone is not believed.
    doubted_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    #: When one delivery may ask again, while the sign-in is in question; None: nobody wants it
    #: asked.
    ask_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    #: When the server last took the sign-in, give or take some seconds.
    accepted_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    #: When the last reading that brought all news began, and the last that brought everything.
    pulled_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    swept_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    #: How many titles there were then; None: that is not told.
    library_size: Mapped[int | None]
    #: Until when one worker may be renewing the credentials; the others wait for what it gets.
    renewing_until: Mapped[datetime | None] = mapped_column(UTCDateTime)

    source: Mapped[Source] = relationship(lazy="raise_on_sql")

    __table_args__ = (UniqueConstraint("source_id", "user_id"),)


class AccountLink(db.Model):  # type: ignore[name-defined,misc]
    """A sign-in under way: a code that its user has still to confirm at the server."""

    __tablename__ = "account_links"

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    code: Mapped[str]
    #: Where the code is confirmed.
    url: Mapped[str]
    #: Encrypted JSON: what only we may know of it.
    secret: Mapped[str]
    interval_seconds: Mapped[float]
    #: The server is not asked before this.
    next_poll_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    #: Why asking did not work the last time, or why the code is no good any more; in words.
    message: Mapped[str] = mapped_column(default="")

    __table_args__ = (UniqueConstraint("source_id", "user_id"),)


class SourceItem(ContentColumns, db.Model):  # type: ignore[name-defined,misc]
    """One remote id on one source: one copy of one content."""

    __tablename__ = "source_items"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"))
    remote_id: Mapped[str]
    #: The file on the server, where it tells.
    path: Mapped[str] = mapped_column(default="")
    #: A person said what it is; no pull says otherwise.
    matched_by_hand: Mapped[bool] = mapped_column(default=False, server_default=false())
    seen_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)

    __table_args__ = (
        one_content(),
        UniqueConstraint("source_id", "remote_id"),
        Index("ix_source_items_media_item_id", "media_item_id", "source_id"),
        Index("ix_source_items_episode_id", "episode_id", "source_id"),
    )


class SourceItemEpisode(db.Model):  # type: ignore[name-defined,misc]
    """A further episode in the file of a source item, which stands itself for the first."""

    __tablename__ = "source_item_episodes"

    source_item_id: Mapped[int] = mapped_column(
        ForeignKey("source_items.id", ondelete="CASCADE"), primary_key=True
    )
    episode_id: Mapped[int] = mapped_column(
        ForeignKey("episodes.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    #: A state that the item showed before this said nothing of the episode.
    since: Mapped[datetime] = mapped_column(UTCDateTime)


class SourceItemVersion(db.Model):  # type: ignore[name-defined,misc]
    """A further file of a source item that the server knows by an id of its own, and does not list
    by itself.
    """

    __tablename__ = "source_item_versions"

    source_id: Mapped[int] = mapped_column(
        ForeignKey("sources.id", ondelete="CASCADE"), primary_key=True
    )
    remote_id: Mapped[str] = mapped_column(primary_key=True)
    source_item_id: Mapped[int] = mapped_column(
        ForeignKey("source_items.id", ondelete="CASCADE"), index=True
    )


class UnmatchedItem(db.Model):  # type: ignore[name-defined,misc]
    """A remote item of which nobody can tell what it is; listed on its source's page."""

    __tablename__ = "unmatched_items"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"))
    remote_id: Mapped[str]
    title: Mapped[str]
    reason: Mapped[str]
    #: The file on the server, where it tells.
    path: Mapped[str] = mapped_column(default="", server_default="")
    #: The folder that is answered for at once: that of the file, or of the show whose season the
    #: file lies in.
    folder: Mapped[str] = mapped_column(default="", server_default="")
    #: What the server says of an episode.
    season_number: Mapped[int | None]
    episode_number: Mapped[int | None]
    seen_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)

    __table_args__ = (
        UniqueConstraint("source_id", "remote_id"),
        Index("ix_unmatched_items_folder", "source_id", "folder", "id"),
    )


class SourceItemState(db.Model):  # type: ignore[name-defined,misc]
    """What one account's source item last showed us or took from us: the base of the three-way
    merge.
    """

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
    #: It showed that by itself; False: it took it from us, and was not seen to list it yet.
    is_listed: Mapped[bool] = mapped_column(default=True, server_default=true())
    #: When that was by the server's own clock, where an event told: what it told before is no news.
    told_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    #: Which file of it was played, by its remote id; "": the one that is listed.
    version_id: Mapped[str] = mapped_column(default="", server_default="")

    __table_args__ = (UniqueConstraint("source_account_id", "source_item_id"),)


class Pull(db.Model):  # type: ignore[name-defined,misc]
    """One reading of a source: asked for, running with its progress, or done with what it brought."""

    __tablename__ = "pulls"

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"))
    #: `requested` | `running` | `done` | `failed`
    status: Mapped[str] = mapped_column(default="requested")
    requested_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    #: When its present try began, or the one that was interrupted. None: no worker has taken it
    #: yet.
    began_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    #: When it last got on: it was begun, took something in, or was given back.
    moved_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    #: Whose it is while it runs: every write of a worker is fenced by its token.
    claim_token: Mapped[str | None]
    #: Its worker renews it; one that is silent for longer is taken for dead.
    lease_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int | None]
    #: What it brought, or why it failed, in words.
    message: Mapped[str] = mapped_column(default="")
    #: It only says what it would bring.
    is_preview: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: It reads everything, also where the server could tell what changed.
    is_sweep: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: A person said that what is unwatched or gone all at once is meant so.
    takes_removals: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: A person said that it is not: the source is told again that they are watched.
    keeps_ours: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: How many titles were shown as unwatched all at once and wait for that.
    held_back: Mapped[int] = mapped_column(default=0, server_default="0")
    #: How many titles were not listed any more all at once, and were kept.
    missing: Mapped[int] = mapped_column(default=0, server_default="0")
    #: How often in a row it was begun and brought nothing: a process that died took those tries
    #: along.
    tries: Mapped[int] = mapped_column(default=0, server_default="0")
    #: What earlier tries took in, so that the next one need not: see `sync/inbound/resume.py`.
    progress: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default="{}")
    #: What was asked for meanwhile and it does not do: `""` | `pull` | `sweep` | `removals` |
    #: `keep`. Requested then.
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
