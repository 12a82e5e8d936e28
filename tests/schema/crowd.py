"""A database as it is after years: 50 users, 100,000 of every row that grows by use, and one dead
server.

Built by SQL that both databases understand, in seconds; `AT` counts seconds from the present.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from string import Template
from typing import Any

from sqlalchemy import Connection, Engine, text

NOW = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)

USERS, FILMS, SHOWS, EPISODES = 50, 10_000, 1_000, 20
#: The user with the longest history.
ALICE, BOB = 1, 2
SOURCES = 5
#: The source that most of the queue waits for.
DEAD = 5
#: How many films and how many episodes each user has begun or watched.
FILMS_EACH, EPISODES_EACH = 800, 1_200
#: A film and a show that alice knows.
FILM, SHOW = 100, FILMS + 25

_AT = {
    "sqlite": "(strftime('%Y-%m-%d %H:%M:%S', '2026-11-21 20:00:00', ($1) || ' seconds') || '.000000')",
    "postgresql": "(timestamptz '2026-11-21 20:00:00+00' + ($1) * interval '1 second')",
}

#: Table, its columns, and what they are for each i from 0 up to the number; u is a user, k counts
#: each user's rows.
_ROWS: list[tuple[int, int, str, str]] = [
    (
        *(USERS, 1),
        "users (id, name, name_key, password_hash, is_admin, time_zone, preferences, created_at)",
        "i + 1, 'user ' || i, 'user ' || i, '', i = 0, 'UTC', '{}', AT{0}",
    ),
    (
        *(FILMS + SHOWS, 1),
        "media_items (id, type, title, sort_title, year, inserted_at, updated_at)",
        f"i + 1, CASE WHEN i < {FILMS} THEN 'movie' ELSE 'show' END, 'Title ' || i, 'title ' || (i * 7919 % 99991),"
        " 1950 + i % 76, AT{0}, AT{0}",
    ),
    (
        *(SHOWS * EPISODES, 1),
        "episodes (id, media_item_id, season_number, episode_number, title, air_date, inserted_at, updated_at)",
        f"i + 1, {FILMS} + 1 + i / {EPISODES}, i % {EPISODES} / 10, i % 10 + 1, 'Episode', '2020-01-01',"
        " AT{0}, AT{0}",
    ),
    (
        *(SOURCES, 1),
        "sources (id, kind, name, name_key, base_url, enabled, failure_count, created_at)",
        "i + 1, 'kodi', 'server ' || i, 'server ' || i, 'http://127.0.0.1:9', 1 = 1, 0, AT{0}",
    ),
    (
        *(USERS * SOURCES, SOURCES),
        "source_accounts (id, user_id, source_id, remote_user_id, credentials)",
        "i + 1, u, k + 1, '', ''",
    ),
    # Every source holds every second film and every show's first season.
    (
        *(SOURCES * 15_000, 15_000),
        "source_items (id, source_id, remote_id, media_item_id, episode_id, path, seen_at)",
        "i + 1, u, 'r' || k, CASE WHEN k % 3 = 0 THEN k / 3 * 2 + u % 2 + 1 END,"
        " CASE WHEN k % 3 <> 0 THEN k + 1 END, '', AT{0}",
    ),
    (
        *(USERS * SOURCES * 200, 200),
        "source_item_states (source_account_id, source_item_id, watched, position_ms, play_count, seen_at)",
        f"u, (u - 1) % {SOURCES} * 15000 + k + 1, k % 3 = 0, 0, 1, AT{{0}}",
    ),
    (
        *(USERS * FILMS_EACH, FILMS_EACH),
        "playback_progress (user_id, media_item_id, position_seconds, duration_seconds, completion_percentage,"
        " watched, in_progress, last_watched_at, dismissed_at, inserted_at, updated_at)",
        f"u, (u * 97 + k) % {FILMS} + 1, 600, 6000, 10, k % 20 <> 0, k % 20 = 0, AT{{-k * 3600 - u}},"
        " CASE WHEN k % 60 = 0 THEN AT{0} END, AT{0}, AT{0}",
    ),
    (
        *(USERS * EPISODES_EACH, EPISODES_EACH),
        "playback_progress (user_id, episode_id, position_seconds, duration_seconds, completion_percentage,"
        " watched, in_progress, last_watched_at, inserted_at, updated_at)",
        f"u, (u * 400 + k) % {SHOWS * EPISODES} + 1, 600, 6000, 10, k % 20 <> 0, k % 20 = 0, AT{{-k * 3000 - u}},"
        " AT{0}, AT{0}",
    ),
    (
        *(USERS * 250, 250),
        "show_progress (user_id, media_item_id, state, next_episode_id, last_activity_at, dropped_at)",
        f"u, {FILMS} + 1 + (u * 20 + k) % {SHOWS},"
        " CASE k % 5 WHEN 0 THEN 'continue' WHEN 1 THEN 'next' WHEN 2 THEN 'start' ELSE 'all_watched' END,"
        f" CASE WHEN k % 5 < 3 THEN (u * 20 + k) % {SHOWS} * {EPISODES} + 1 + k % {EPISODES} END,"
        " AT{-k * 50000 - u}, CASE WHEN k % 50 = 7 THEN AT{0} END",
    ),
    (10_000, 200, "change_sets (id, user_id, origin, created_at)", "i + 1, u, 'web', AT{-i * 60}"),
    (
        *(20_000, 2),
        "changes (change_set_id, media_item_id, change_type)",
        f"u, i % {FILMS} + 1, 'mark_watched'",
    ),
    # All of alice's; every tenth has no date.
    (
        *(100_000, 100_000),
        "plays (user_id, media_item_id, episode_id, watched_at, origin, source_id, change_set_id, inserted_at)",
        f"{ALICE}, CASE WHEN i % 2 = 0 THEN i / 2 % {FILMS} + 1 END, CASE WHEN i % 2 = 1 THEN i / 2 % 20000 + 1 END,"
        " CASE WHEN i % 10 <> 9 THEN AT{-i * 900} END, 'web', CASE WHEN i % 3 = 0 THEN i % 5 + 1 END,"
        " CASE WHEN i % 50 = 0 THEN i / 50 % 200 + 1 END, AT{0}",
    ),
    (
        *(25_000, 500),
        "plays (user_id, media_item_id, watched_at, origin, inserted_at)",
        f"u % 49 + 2, i % {FILMS} + 1, AT{{-i * 900}}, 'web', AT{{0}}",
    ),
    (
        *(100_000, 20),
        "sync_attempts (queued_change_id, at, outcome, message, milliseconds)",
        "u * 3, AT{-i}, 'transient', 'It does not answer.', 5000",
    ),
]

_QUEUE = """
    playback_sync_queue (user_id, source_id, media_item_id, episode_id, change_type, position_ms, completed,
        intent_at, origin, change_set_id, created_at, updated_at, status, next_attempt_at, last_attempt_at,
        attempt_count, error_class, error_message)
    SELECT user_id, source_id, CASE WHEN k % 2 = 0 THEN film ELSE $films + 1 + (episode - 1) / $episodes END,
        CASE WHEN k % 2 = 1 THEN episode END, 'mark_watched', 0, 1 = 1,
        AT{-k * 60}, 'web', CASE WHEN i % 20 = 0 THEN (user_id - 1) * 200 + k % 200 + 1 END, AT{-k * 60}, AT{-i * 5},
        CASE WHEN state IN ('waits', 'needs you') THEN 'failed' ELSE state END,
        CASE state WHEN 'pending' THEN AT{k * 37 % 1000 - 900} WHEN 'waits' THEN AT{k * 37 % 3000 - 600} END,
        CASE WHEN state <> 'pending' THEN AT{-k} END, CASE WHEN state IN ('waits', 'needs you') THEN 3 ELSE 0 END,
        CASE state WHEN 'waits' THEN 'transient' WHEN 'needs you' THEN 'rejected' END,
        CASE WHEN state IN ('waits', 'needs you') THEN 'It does not answer.' END
    FROM (SELECT i, k, source_id, user_id, (user_id * 97 + k / 2) % $films + 1 AS film,
            (user_id * 400 + k / 2) % 20000 + 1 AS episode, $state AS state
        FROM (SELECT i, i % $each AS k, i / $each % $users + 1 AS user_id, $source AS source_id FROM numbers) AS rows
    ) AS wanted
"""
#: For how many rows of each user, of which source, in which state.
_QUEUED = [
    # The dead server: most is due or waits for its next try, some was delivered when it lived, some
    # needs a person.
    (
        *(1_400, f"{DEAD}"),
        "CASE WHEN k % 20 < 12 THEN 'pending' WHEN k % 20 < 17 THEN 'waits' WHEN k % 20 < 19 THEN 'synced'"
        " ELSE 'needs you' END",
    ),
    # The four that live: nearly all is delivered.
    (
        *(600, "i % 4 + 1"),
        "CASE WHEN k % 100 < 95 THEN 'synced' WHEN k % 100 < 98 THEN 'pending' WHEN k % 100 < 99 THEN 'waits'"
        " ELSE 'needs you' END",
    ),
]


def build(engine: Engine) -> None:
    """Fill a migrated database."""
    with engine.connect() as connection, _parents_unasked(connection):
        for number, each, table, values in _ROWS:
            rows = f"SELECT {values} FROM (SELECT i, i / {each} + 1 AS u, i % {each} AS k FROM numbers) AS rows"  # noqa: S608
            _insert(connection, number, f"{table} {rows}")
        for each, source, state in _QUEUED:
            words = {"films": FILMS, "episodes": EPISODES, "users": USERS}
            statement = Template(_QUEUE).substitute(words, each=each, source=source, state=state)
            _insert(connection, USERS * each, statement)
        connection.commit()


@contextmanager
def _parents_unasked(connection: Connection) -> Iterator[None]:
    """Row by row it would take most of the time; SQLite is asked once for all, and PostgreSQL gets
    the same rows.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        yield
        return
    raw: Any = connection.connection.driver_connection
    raw.execute("PRAGMA foreign_keys = OFF")
    yield
    assert raw.execute("PRAGMA foreign_key_check").fetchall() == []
    raw.execute("PRAGMA foreign_keys = ON")


def _insert(connection: Connection, number: int, statement: str) -> None:
    """INSERT … SELECT … FROM numbers, which are 0 up to, not with, `number`."""
    head, _, body = statement.partition("SELECT")
    counted = f"SELECT 0 UNION ALL SELECT i + 1 FROM numbers WHERE i < {number - 1}"  # noqa: S608
    sql = f"INSERT INTO {head} WITH RECURSIVE numbers(i) AS ({counted}) SELECT {body}"
    connection.exec_driver_sql(_in_dialect(sql, connection.dialect.name))


def _in_dialect(sql: str, dialect: str) -> str:
    """AT{seconds} as the instant so many seconds from now."""
    before, *parts = sql.split("AT{")
    for part in parts:
        seconds, _, after = part.partition("}")
        before += (
            Template(_AT[dialect].replace("$1", "$seconds")).substitute(seconds=seconds) + after
        )
    return (
        before
        if dialect == "sqlite"
        else before.replace("%", "%%").replace("'2020-01-01'", "date '2020-01-01'")
    )


def analyse(engine: Engine) -> None:
    """Let the planner learn what the tables hold."""
    if engine.dialect.name == "sqlite":
        with engine.begin() as connection:
            connection.execute(text("ANALYZE"))
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
