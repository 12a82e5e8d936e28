"""From a claimed row to what a push needs, all gathered before it is sent, and what became of it."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal

from sqlalchemy import BindParameter, Select, bindparam, select

from mydia_web.backends.errors import FailureClass
from mydia_web.backends.values import ContentKind, RemoteState, Target, Wanted
from mydia_web.db import db
from mydia_web.library.models import Episode, ExternalId
from mydia_web.queue.models import ChangeType, QueuedChange
from mydia_web.sources.models import Source, SourceAccount, SourceItem, SourceItemState
from mydia_web.sources.registry import kinds_that_accept_unlisted

_Content = tuple[ContentKind, int]
#: Servers round positions; less than this apart is the same.
SAME_POSITION_MS = 2000

# What every claim asks, built once: to build a statement takes longer than to run it. An
# `expanding` parameter is the list of an IN.
_accounts_table, _items, _ids, _episodes, _states = (
    table.__table__ for table in (SourceAccount, SourceItem, ExternalId, Episode, SourceItemState)
)
_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_ACCOUNTS = select(
    _accounts_table.c.source_id, _accounts_table.c.user_id, _accounts_table.c.id
).where(
    _accounts_table.c.source_id.in_(bindparam("sources", expanding=True)),
    _accounts_table.c.user_id.in_(bindparam("users", expanding=True)),
)
_BASES = select(
    _states.c.source_account_id,
    _states.c.source_item_id,
    _states.c.watched,
    _states.c.position_ms,
    _states.c.play_count,
    _states.c.last_played_at,
    _states.c.version_id,
).where(
    _states.c.source_account_id.in_(bindparam("accounts", expanding=True)),
    _states.c.source_item_id.in_(bindparam("items", expanding=True)),
)
_PLACES = select(
    _episodes.c.id, _episodes.c.media_item_id, _episodes.c.season_number, _episodes.c.episode_number
).where(_episodes.c.id.in_(_IDS))


@cache
def _copies(column: str) -> Select[Any]:
    content = (_items.c.media_item_id, _items.c.episode_id)
    return (
        select(_items.c.id, _items.c.source_id, *content, _items.c.remote_id, _items.c.path)
        .where(
            _items.c.source_id.in_(bindparam("sources", expanding=True)), _items.c[column].in_(_IDS)
        )
        .order_by(_items.c.id)
    )


@cache
def _names(column: str) -> Select[Any]:
    query = select(_ids.c.media_item_id, _ids.c.episode_id, _ids.c.provider, _ids.c.value)
    return query.where(_ids.c[column].in_(_IDS))


@dataclass(frozen=True, slots=True)
class Delivery:
    """One claimed row, free of the database: a thread may carry it to the server."""

    row_id: int
    claim_token: str
    #: Until when the claim holds, in UTC.
    lease_until: datetime
    attempt: int
    user_id: int
    source_id: int
    #: For an episode its show.
    media_item_id: int
    episode_id: int | None
    change_set_id: int | None
    #: None: the user has no account on the source any more.
    account_id: int | None
    wanted: Wanted
    #: (source item id, where it goes) for each copy on the source; None: an account service that
    #: never listed it.
    targets: tuple[tuple[int | None, Target], ...]
    #: Why it cannot even be tried.
    problem: "Failure | None" = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a delivery did not succeed, in words for a person."""

    failure_class: FailureClass
    message: str
    #: The server could not be reached at all, or asked to be left alone: its other rows would fare
    #: the same.
    source_wide: bool = False
    #: Seconds the server asked us to wait.
    retry_after: float = 0
    #: The request that failed was that of another row too, which counts it.
    is_echo: bool = False
    #: Something may have been written there all the same.
    may_have_arrived: bool = True
    #: The server said so itself; False: it was not asked.
    was_asked: bool = True
    #: (source item id, state) that the server was found to show, where that is news, and when, if
    #: not by `asked_at`.
    news: tuple[int, RemoteState, datetime | None] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a delivery."""

    delivery: Delivery
    #: (source item id, state the server then showed)
    states: tuple[tuple[int, RemoteState], ...] = ()
    #: (remote id, state) for a title by which the service was found to know it.
    found: tuple[tuple[str, RemoteState], ...] = ()
    failure: Failure | None = None
    #: When the server began to be spoken to, and how long that took.
    asked_at: datetime | None = None
    seconds: float = 0.0


def prepare(rows: Sequence[QueuedChange]) -> list[Delivery]:
    """What these rows ask for, with the copies that shall take it."""
    targets, accounts = _targets(rows), _accounts(rows)
    bases = _bases(
        accounts.values(), [item_id for copies in targets.values() for item_id, _ in copies]
    )
    return [
        Delivery(
            row_id=row.id,
            claim_token=row.claim_token or "",
            lease_until=row.lease_until or row.intent_at,
            attempt=row.attempt_count,
            user_id=row.user_id,
            source_id=row.source_id,
            media_item_id=row.media_item_id,
            episode_id=row.episode_id,
            change_set_id=row.change_set_id,
            account_id=accounts.get(_sign_in(row)),
            wanted=wanted(row),
            targets=_copies_to_tell(
                row,
                [
                    (
                        item_id,
                        _as_shown(target, bases.get((accounts.get(_sign_in(row)), item_id)), row),
                    )
                    for item_id, target in targets.get((row.source_id, _content(row)), ())
                ],
            ),
            problem=None if _is_known(row) else _UNKNOWN,
        )
        for row in rows
    ]


def _as_shown(target: Target, base: tuple[RemoteState, str] | None, row: QueuedChange) -> Target:
    shown, version_id = base or (None, "")
    return replace(
        target, shown=shown, version_id=version_id, unconfirmed=_instants(row.unconfirmed)
    )


def _copies_to_tell(
    row: QueuedChange, copies: Sequence[tuple[int | None, Target]]
) -> tuple[tuple[int | None, Target], ...]:
    """Return all copies, or, where several are told what one of them showed by itself, those that
    differ from it.
    """
    if len(copies) < 2 or row.unconfirmed:
        return tuple(copies)
    asked = wanted(row)
    differing = [
        copy for copy in copies if copy[1].shown is None or not _is_shown(asked, copy[1].shown)
    ]
    return tuple(differing or copies)


def _is_shown(asked: Wanted, shown: RemoteState) -> bool:
    """Return whether the state already has what is asked for."""
    position_ms = asked.position_ms or 0
    is_marked = asked.watched is None or asked.watched == shown.watched
    return is_marked and abs(position_ms - shown.position_ms) <= SAME_POSITION_MS


def _instants(text: str) -> tuple[datetime, ...]:
    """As a database writes them; SQLite without their zone, which is UTC."""
    found = map(datetime.fromisoformat, filter(None, text.split(",")))
    return tuple(one if one.tzinfo else one.replace(tzinfo=UTC) for one in found)


def wanted(row: QueuedChange) -> Wanted:
    """The row's two registers as one wish: a mark that was followed by a position carries both.

    A kind of change that this version does not know wishes nothing.
    """
    if not _is_known(row):
        return Wanted("progress_update", row.intent_at)
    change_type: Literal["progress_update", "mark_watched", "mark_unwatched"] = ChangeType(
        row.change_type
    ).value
    if row.position_ms:
        change_type = "progress_update"
    return Wanted(
        change_type=change_type,
        at=row.intent_at,
        watched=row.completed,
        position_ms=row.position_ms,
        duration_ms=row.duration_ms,
        watched_at=row.watched_at,
        is_past_play=bool(row.play_key),
    )


_UNKNOWN = Failure(
    "invalid",
    "This version of mydia-web does not know this kind of change. Update mydia-web, then try it again.",
    may_have_arrived=False,
    was_asked=False,
)


def _is_known(row: QueuedChange) -> bool:
    return row.change_type in list(ChangeType)


def _content(row: Any) -> _Content:
    return ("movie", row.media_item_id) if row.episode_id is None else ("episode", row.episode_id)


def _accounts(rows: Sequence[QueuedChange]) -> dict[tuple[int, int], int]:
    """(source, user) → account id."""
    found = _ask(
        _ACCOUNTS, sources={row.source_id for row in rows}, users={row.user_id for row in rows}
    )
    return {(source_id, user_id): account_id for source_id, user_id, account_id in found}


def _targets(
    rows: Sequence[QueuedChange],
) -> dict[tuple[int, _Content], list[tuple[int | None, Target]]]:
    """For each (source, content) its copies there, read in a few queries for all rows."""
    films = {row.media_item_id for row in rows if row.episode_id is None}
    episodes = {row.episode_id for row in rows if row.episode_id is not None}
    known = _knowledge(films, episodes)
    targets: dict[tuple[int, _Content], list[tuple[int | None, Target]]] = {}
    for item in _ask_of_each(_copies, films, episodes, sources={row.source_id for row in rows}):
        content = _content(item)
        target = replace(known[content], remote_id=item.remote_id, path=item.path)
        targets.setdefault((item.source_id, content), []).append((item.id, target))
    _keep_one_of_account_services(targets)
    unseen = {(row.source_id, _content(row)) for row in rows} - targets.keys()
    for source_id in _hold_everything({source_id for source_id, _ in unseen}):
        targets |= {
            (one, content): [(None, known[content])] for one, content in unseen if one == source_id
        }
    return targets


def _keep_one_of_account_services(
    targets: dict[tuple[int, _Content], list[tuple[int | None, Target]]],
) -> None:
    """What an account service knows by two ids is told by one, the one known longest: two would be
    two plays.
    """
    several = {source_id for (source_id, _), copies in targets.items() if len(copies) > 1}
    for source_id in _hold_everything(several):
        for key in [key for key in targets if key[0] == source_id]:
            targets[key] = sorted(targets[key], key=lambda copy: copy[0] or 0)[:1]


def _sign_in(row: QueuedChange) -> tuple[int, int]:
    return row.source_id, row.user_id


def _bases(
    account_ids: Collection[int], item_ids: Collection[int | None]
) -> dict[tuple[int | None, int | None], tuple[RemoteState, str]]:
    """What these accounts' items last showed, and of which version."""
    items = {item_id for item_id in item_ids if item_id is not None}
    found = _ask(_BASES, accounts=set(account_ids), items=items) if items else ()
    return {
        (account_id, item_id): (RemoteState(*shown), version_id)
        for account_id, item_id, *shown, version_id in found
    }


def _hold_everything(source_ids: set[int]) -> Sequence[int]:
    """Those of the sources that are account services, which take also what they never listed."""
    query = select(Source.id).where(
        Source.id.in_(source_ids), Source.kind.in_(kinds_that_accept_unlisted())
    )
    return db.session.scalars(query).all() if source_ids else ()


def _knowledge(films: set[int], episodes: set[int]) -> dict[_Content, Target]:
    """What tells each content apart, as a target without a place."""
    places = {row.id: row for row in _ask(_PLACES, ids=episodes)} if episodes else {}
    ids = _external_ids(films | {place.media_item_id for place in places.values()}, episodes)
    known: dict[_Content, Target] = {
        ("movie", film_id): Target("", "movie", external_ids=ids.get(("movie", film_id), {}))
        for film_id in films
    }
    for episode_id, place in places.items():
        known["episode", episode_id] = Target(
            "",
            "episode",
            external_ids=ids.get(("episode", episode_id), {}),
            show_external_ids=ids.get(("movie", place.media_item_id), {}),
            season_number=place.season_number,
            episode_number=place.episode_number,
        )
    return known


def _external_ids(media_items: set[int], episodes: set[int]) -> dict[_Content, dict[str, str]]:
    found: dict[_Content, dict[str, str]] = {}
    for row in _ask_of_each(_names, media_items, episodes):
        found.setdefault(_content(row), {})[row.provider] = row.value
    return found


def _ask_of_each(
    build: Callable[[str], Select[Any]], films: set[int], episodes: set[int], **parameters: set[int]
) -> Iterator[Any]:
    """Films and episodes apart: in one question for both, an empty list makes SQLite look at all
    there is.
    """
    for column, ids in (("media_item_id", films), ("episode_id", episodes)):
        if ids:
            yield from _ask(build(column), ids=ids, **parameters)


def _ask(statement: Select[Any], **parameters: set[int]) -> Iterable[Any]:
    """The rows, for lists of ids."""
    lists = {name: list(ids) for name, ids in parameters.items()}
    return db.session.connection().execute(statement, lists)
