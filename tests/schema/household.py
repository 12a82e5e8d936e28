"""Rows written by SQL alone: what holds for them, holds for every program that ever writes to the
database.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import IntegrityError

WHEN = "2026-11-21 20:00:00.000000"
LATER = "2026-11-21 20:01:00.000000"

#: What each table cannot do without, besides what a test says.
_REQUIRED: dict[str, dict[str, Any]] = {
    "users": {
        "password_hash": "",
        "is_admin": False,
        "time_zone": "UTC",
        "preferences": "{}",
        "created_at": WHEN,
    },
    "api_tokens": {"name": "player", "scopes": "playback", "created_at": WHEN},
    "media_items": {
        "type": "movie",
        "title": "",
        "sort_title": "",
        "inserted_at": WHEN,
        "updated_at": WHEN,
    },
    "episodes": {"title": "", "inserted_at": WHEN, "updated_at": WHEN},
    "external_ids": {"provider": "tmdb", "kind": "movie"},
    "artworks": {"url": "http://127.0.0.1:9/picture"},
    "sources": {
        "kind": "kodi",
        "base_url": "http://127.0.0.1:9",
        "enabled": True,
        "failure_count": 0,
        "created_at": WHEN,
    },
    "source_accounts": {"remote_user_id": "", "credentials": ""},
    "source_items": {"path": "", "seen_at": WHEN},
    "source_item_episodes": {"since": WHEN},
    "source_item_versions": {},
    "source_item_states": {"watched": True, "position_ms": 0, "play_count": 1, "seen_at": WHEN},
    "unmatched_items": {"title": "?", "reason": "?", "seen_at": WHEN},
    "pulls": {"status": "requested", "requested_at": WHEN, "done": 0, "message": ""},
    "playback_progress": {
        "position_seconds": 60,
        "duration_seconds": 600,
        "completion_percentage": 10.0,
        "last_watched_at": WHEN,
        "inserted_at": WHEN,
        "updated_at": WHEN,
    },
    "plays": {"origin": "web", "watched_at": WHEN, "inserted_at": WHEN},
    "change_sets": {"origin": "web", "created_at": WHEN},
    "changes": {"change_type": "mark_watched"},
    "show_progress": {"state": "next", "last_activity_at": WHEN},
    "playback_sync_queue": {
        "change_type": "mark_watched",
        "completed": True,
        "position_ms": 0,
        "intent_at": WHEN,
        "origin": "web",
        "created_at": WHEN,
        "updated_at": WHEN,
        "next_attempt_at": LATER,
    },
    "account_links": {
        "code": "123456",
        "url": "http://127.0.0.1",
        "secret": "",
        "interval_seconds": 5.0,
        "next_poll_at": WHEN,
        "expires_at": LATER,
        "message": "",
    },
    "source_events": {
        "received_at": WHEN,
        "kind": "generic",
        "body": "{}",
        "status": "received",
        "name": "",
        "message": "",
    },
    "now_playing": {
        "position_ms": 0,
        "paused": False,
        "device": "",
        "began_at": WHEN,
        "seen_at": WHEN,
    },
    "pull_change_sets": {},
    "sync_attempts": {
        "at": WHEN,
        "outcome": "transient",
        "message": "Nothing answers.",
        "milliseconds": 5000,
    },
}


class Household:
    """alice and bob; the film Sintel; a show of two episodes; their accounts on two servers.

    The server kodi holds the film and a file of both episodes, the server jellyfin holds the film.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.alice = self.add("users", name="alice")
        self.bob = self.add("users", name="bob")
        self.film = self.add("media_items", title="Sintel")
        self.show = self.add("media_items", title="Harbour Lights", type="show")
        self.pilot = self.add(
            "episodes", media_item_id=self.show, season_number=1, episode_number=1
        )
        self.second = self.add(
            "episodes", media_item_id=self.show, season_number=1, episode_number=2
        )
        self.kodi = self.add("sources", name="kodi")
        self.jellyfin = self.add("sources", name="jellyfin")
        self.copies = {
            "kodi film": self.add(
                "source_items", source_id=self.kodi, remote_id="f", media_item_id=self.film
            ),
            "kodi pilot": self.add(
                "source_items", source_id=self.kodi, remote_id="p", episode_id=self.pilot
            ),
            "jellyfin film": self.add(
                "source_items", source_id=self.jellyfin, remote_id="f", media_item_id=self.film
            ),
        }
        #: By the name of the user and the source.
        self.accounts = {
            (name, source): self.add("source_accounts", user_id=user_id, source_id=source_id)
            for name, user_id in (("alice", self.alice), ("bob", self.bob))
            for source, source_id in (("kodi", self.kodi), ("jellyfin", self.jellyfin))
        }
        self.change_sets: dict[str, int] = {}

    def add(self, table: str, **values: Any) -> int:
        """The id of a new row, which is its first column."""
        row = _REQUIRED[table] | values
        if table in ("users", "sources"):
            row = {"name_key": row["name"]} | row
        columns, places = ", ".join(row), ", ".join(f":{column}" for column in row)
        statement = text(f"INSERT INTO {table} ({columns}) VALUES ({places}) RETURNING *")  # noqa: S608
        return int(self.connection.execute(statement, row).scalar_one())

    def change(self, table: str, row_id: int, **values: Any) -> None:
        changes = ", ".join(f"{column} = :{column}" for column in values)
        statement = text(f"UPDATE {table} SET {changes} WHERE id = :id")  # noqa: S608
        self.connection.execute(statement, values | {"id": row_id})

    def values(self, table: str, column: str) -> list[Any]:
        """What the column holds, row by row."""
        return list(self.connection.scalars(text(f"SELECT {column} FROM {table} ORDER BY id")))  # noqa: S608

    def counts(self) -> dict[str, int]:
        """How many rows each table has."""
        tables = set(inspect(self.connection).get_table_names()) - {"alembic_version"}
        numbers = {table: f"SELECT count(*) FROM {table}" for table in sorted(tables)}  # noqa: S608
        return {
            table: self.connection.execute(text(query)).scalar_one()
            for table, query in numbers.items()
        }

    def lost_by_deleting(self, table: str, row_id: int) -> dict[str, int]:
        """How many rows each table loses when this one goes."""
        before = self.counts()
        self.connection.execute(text(f"DELETE FROM {table} WHERE id = :id"), {"id": row_id})  # noqa: S608
        after = self.counts()
        return {name: before[name] - after[name] for name in before if before[name] != after[name]}

    def progress(self, **values: Any) -> int:
        return self.add("playback_progress", **({"user_id": self.alice} | values))

    def queued(self, **values: Any) -> int:
        """A queued change of alice's for kodi; of the film, unless an episode is named."""
        item = self.show if values.get("episode_id") else self.film
        return self.add(
            "playback_sync_queue",
            **({"user_id": self.alice, "source_id": self.kodi, "media_item_id": item} | values),
        )

    def fill(self) -> None:
        """At least one row in every table, alike for alice and bob."""
        for kind, of in (
            ("movie", {"media_item_id": self.film}),
            ("episode", {"episode_id": self.pilot}),
        ):
            self.add("external_ids", kind=kind, value="1", **of)
        self.add("external_ids", kind="show", value="1", media_item_id=self.show)
        self.add(
            "source_item_episodes", source_item_id=self.copies["kodi pilot"], episode_id=self.second
        )
        self.add(
            "source_item_versions",
            source_id=self.kodi,
            remote_id="other file",
            source_item_id=self.copies["kodi pilot"],
        )
        self.add("artworks", key="poster", source_id=self.kodi)
        self.add("unmatched_items", source_id=self.kodi, remote_id="?")
        self.pull = self.add("pulls", source_id=self.kodi)
        self.add("source_events", source_id=self.kodi)
        for name, user_id in (("alice", self.alice), ("bob", self.bob)):
            self._fill_for(name, user_id)

    def _fill_for(self, name: str, user_id: int) -> None:
        self.add("api_tokens", user_id=user_id, token_hash=name)
        self.add("account_links", user_id=user_id, source_id=self.kodi)
        change_set = self.add("change_sets", user_id=user_id, source_id=self.kodi)
        self.change_sets[name] = change_set
        self.add("pull_change_sets", pull_id=self.pull, change_set_id=change_set)
        playing = {
            "source_account_id": self.accounts[name, "kodi"],
            "source_item_id": self.copies["kodi film"],
        }
        self.add("now_playing", **playing)
        for copy, source_item_id in self.copies.items():
            account = self.accounts[name, copy.split()[0]]
            self.add("source_item_states", source_account_id=account, source_item_id=source_item_id)
        film, pilot = {"media_item_id": self.film}, {"episode_id": self.pilot}
        for of in (film, pilot):
            self.progress(user_id=user_id, **of)
            self.add("changes", change_set_id=change_set, **of)
            row_id = self.queued(user_id=user_id, change_set_id=change_set, **of)
            self.add("sync_attempts", queued_change_id=row_id)
        self.queued(user_id=user_id, source_id=self.jellyfin)
        self.add("plays", user_id=user_id, source_id=self.kodi, change_set_id=change_set, **film)
        self.add("plays", user_id=user_id, change_set_id=change_set, **pilot)
        self.add(
            "show_progress", user_id=user_id, media_item_id=self.show, next_episode_id=self.second
        )

    @contextmanager
    def refused(self, *constraint: str) -> Iterator[None]:
        """Expects the constraint of that name, or a unique key over (table, column, …), to refuse
        what is tried.
        """
        with pytest.raises(IntegrityError) as caught, self.connection.begin_nested():
            yield
        table, *columns = constraint
        names = (
            {table}
            if not columns
            else {f"uq_{'_'.join(constraint)}", *self._unique_indexes(*constraint)}
        )
        # SQLite tells a unique key by its columns.
        said = str(caught.value.orig)
        by_columns = columns and set(re.findall(rf"\b{table}\.(\w+)", said)) == set(columns)
        by_name = names & set(re.findall(r"\w+", said))
        assert by_columns or by_name, f"refused, but by: {said}"

    @contextmanager
    def refused_as_orphan(self) -> Iterator[None]:
        with (
            pytest.raises(IntegrityError, match=r"(?i)foreign key"),
            self.connection.begin_nested(),
        ):
            yield

    def _unique_indexes(self, table: str, *columns: str) -> set[str]:
        indexes = inspect(self.connection).get_indexes(table)
        return {
            index["name"] or ""
            for index in indexes
            if index["unique"] and set(index["column_names"]) == set(columns)
        }
