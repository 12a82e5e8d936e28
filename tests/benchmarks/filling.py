"""Fill tables by SQL that both databases understand: a million rows in seconds."""
# ruff: noqa: S608 - every value in these statements is a number of ours

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Index, TextClause, bindparam, delete, text

from mydia_web.clock import now
from mydia_web.db import UTCDateTime, db
from mydia_web.queue.models import QueuedChange
from mydia_web.sources.models import Source

#: A large library. Rows of the queue take turns among all users, so that neighbours never belong
#: to one user.
FILMS = 50_000

_LATER = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f000', :at, (({i}) / 1000.0) || ' seconds')",
    "postgresql": "CAST(:at AS timestamptz) + ({i}) * interval '1 millisecond'",
}


def people(users: int) -> None:
    _insert(
        users,
        "users (id, name, name_key, password_hash, is_admin, time_zone, preferences, created_at)",
        "i + 1, 'user ' || i, 'user ' || i, '', i = 0, 'UTC', '{}', {at}",
    )


def library(films: int = FILMS) -> None:
    _insert(
        films,
        "media_items (id, type, title, sort_title, year, inserted_at, updated_at)",
        "i + 1, 'movie', 'Film ' || i, 'film ' || i, 1950 + i % 76, {at}, {at}",
    )


def source(url: str, *, users: int, films: int = FILMS, kind: str = "plain") -> int:
    """Add a source with the first films and an account of each first user; return its id."""
    row = Source(kind=kind, name=f"{kind} {now().timestamp()}", base_url=url)
    db.session.add(row)
    db.session.flush()
    source_id = row.id
    _insert(
        users,
        "source_accounts (source_id, user_id, remote_user_id, credentials)",
        f"{source_id}, i + 1, '', ''",
    )
    _insert(
        films,
        "source_items (source_id, remote_id, media_item_id, path, seen_at)",
        f"{source_id}, 'f' || i, i + 1, '', {{at}}",
    )
    return source_id


def owe(source_id: int, rows: int, *, users: int, first: int = 0, delivered: bool = False) -> None:
    """Add rows number `first` to `rows`, a millisecond apart, all of them due or all delivered."""
    due = "'synced', NULL, 1" if delivered else f"'pending', {_later(f'i - {rows}')}, 0"
    _insert(
        rows,
        "playback_sync_queue (source_id, user_id, media_item_id, change_type, completed,"
        " position_ms, intent_at, origin, created_at, updated_at, status, next_attempt_at,"
        " synced_seq)",
        f"{source_id}, i % {users} + 1, i / {users} + 1, 'mark_watched', 1 = 1, 0,"
        f" {{at}}, 'web', {{at}}, {{at}}, {due}",
        first=first,
    )


def owe_again(source_id: int) -> None:
    """Make delivered rows due again, each at a time of its own."""
    due = _later("id - (SELECT max(id) FROM playback_sync_queue)")
    statement = (
        "UPDATE playback_sync_queue SET status = 'pending', synced_seq = 0,"
        f" next_attempt_at = {due} WHERE source_id = {source_id} AND status = 'synced'"
    )
    db.session.execute(_timed(statement), {"at": now()})
    db.session.commit()


def deliver_all(source_id: int) -> None:
    """Mark all rows of a source as delivered, as the worker does."""
    statement = (
        "UPDATE playback_sync_queue SET status = 'synced', next_attempt_at = NULL, synced_seq = 1,"
        f" claimed_seq = 1, last_attempt_at = {_later('id')}, updated_at = {_later('id')}"
        f" WHERE source_id = {source_id}"
    )
    db.session.execute(_timed(statement), {"at": now()})
    db.session.commit()


def watch(rows: int, *, users: int) -> None:
    """Add what marking films as watched leaves in the other tables, once a source has taken it."""
    for into, values in _WATCHED.items():
        _insert(
            rows, into, values.format(user=f"i % {users} + 1", film=f"i / {users} + 1", at="{at}")
        )


_STATE = (
    '{{"watched": true, "position_seconds": 0, "last_watched_at": "2026-11-21T20:00:00+00:00"}}'
)
_WATCHED = {
    "playback_progress (user_id, media_item_id, position_seconds, duration_seconds,"
    " completion_percentage, watched, in_progress, last_watched_at, inserted_at, updated_at)": (
        "{user}, {film}, 0, 7200, 0, 1 = 1, 1 = 0, {at}, {at}, {at}"
    ),
    "change_sets (id, user_id, origin, created_at)": "i + 1, {user}, 'web', {at}",
    "changes (change_set_id, media_item_id, change_type, after)": (
        f"i + 1, {{film}}, 'mark_watched', '{_STATE}'"
    ),
    "plays (user_id, media_item_id, watched_at, origin, change_set_id, inserted_at)": (
        "{user}, {film}, {at}, 'web', i + 1, {at}"
    ),
    "source_item_states (source_account_id, source_item_id, watched, position_ms, play_count,"
    " seen_at)": ("{user}, {film}, 1 = 1, 0, 1, {at}"),
}


def forget_queue() -> None:
    db.session.execute(delete(QueuedChange))
    db.session.commit()
    tidy()


def tidy() -> None:
    """Do now what the database's own housekeeping would do within a minute or so."""
    db.session.rollback()
    if db.engine.dialect.name == "postgresql":
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
            connection.execute(text("CHECKPOINT"))
    else:
        db.session.execute(text("ANALYZE"))
        db.session.commit()


@contextmanager
def indexed_afterwards() -> Iterator[None]:
    """Build the indexes afterwards: sorting ten million entries once is far quicker."""
    indexes: list[Index] = [index for index in QueuedChange.__table__.indexes if not index.unique]
    for index in indexes:
        index.drop(db.engine)
    yield
    for index in indexes:
        index.create(db.engine)


def _insert(number: int, into: str, values: str, *, first: int = 0) -> None:
    """INSERT … SELECT for each i from `first` up to but not including `number`."""
    if number <= first:
        return
    if db.engine.dialect.name == "postgresql":
        # The parents of each row are there by construction.
        db.session.execute(text("SET LOCAL session_replication_role = replica"))
    counted = f"SELECT {first} UNION ALL SELECT i + 1 FROM numbers WHERE i < {number - 1}"
    sql = (
        f"INSERT INTO {into} WITH RECURSIVE numbers(i) AS ({counted}) SELECT {values} FROM numbers"
    )
    db.session.execute(_timed(sql.replace("{at}", _later("0"))), {"at": now()})
    db.session.commit()


def _later(milliseconds: str) -> str:
    return _LATER[db.engine.dialect.name].replace("{i}", milliseconds)


def _timed(sql: str) -> TextClause:
    return text(sql).bindparams(bindparam("at", type_=UTCDateTime)) if ":at" in sql else text(sql)
