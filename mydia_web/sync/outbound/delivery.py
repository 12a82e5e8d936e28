"""Gather for a claimed row everything its push needs, and hold what became of the push."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal, NamedTuple

from sqlalchemy import BindParameter, Select, bindparam, select

from mydia_web.backends.errors import FailureClass
from mydia_web.backends.values import RemoteState, Target, Wanted
from mydia_web.db import db
from mydia_web.library.models import ContentKey, Episode, ExternalId, split_keys
from mydia_web.queue.models import ChangeType, QueuedChange
from mydia_web.sources.models import Source, SourceAccount, SourceItem, SourceItemState
from mydia_web.sources.registry import kinds_that_accept_unlisted

#: Servers round positions; two that differ by less are the same.
SAME_POSITION_MS = 2000

#: (source item id, where it goes). The id is None for a title that a service never listed.
Copy = tuple[int | None, Target]


@dataclass(frozen=True, slots=True)
class RemoteNews:
    """A state that a push found on the server instead of the one it expected."""

    source_item_id: int
    state: RemoteState
    #: When it was read; None: when the push began.
    read_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a delivery did not succeed, in words for a person."""

    failure_class: FailureClass
    message: str
    #: The server could not be reached at all, or asked to be left alone: its other rows would fare
    #: the same.
    source_wide: bool = False
    #: Seconds the server asked us to wait.
    retry_after: float = 0
    #: The failed request was shared with another row, whose failure counts for it.
    is_echo: bool = False
    #: Something may have been written there all the same.
    may_have_arrived: bool = True
    #: The server said so itself; False: it was not asked.
    was_asked: bool = True
    news: RemoteNews | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One claimed row, free of the database: a thread may carry it to the server."""

    row_id: int
    claim_token: str
    #: When the claim ends, in UTC.
    lease_until: datetime
    attempt: int
    user_id: int
    source_id: int
    content: ContentKey
    change_set_id: int | None
    #: None: the user has no account on the source any more.
    account_id: int | None
    wanted: Wanted
    #: The copies on the source that shall take it.
    targets: tuple[Copy, ...]
    #: Why it cannot even be tried.
    problem: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a delivery."""

    delivery: Delivery
    #: (source item id, state that the server then showed)
    states: tuple[tuple[int, RemoteState], ...] = ()
    #: (remote id, state) of a title that was never listed, and that the service knew.
    found: tuple[tuple[str, RemoteState], ...] = ()
    failure: Failure | None = None
    #: When the first request was sent, and how long all of them took.
    asked_at: datetime | None = None
    seconds: float = 0.0


_UNKNOWN = Failure(
    failure_class="invalid",
    message="This version of mydia-web does not know this kind of change."
    " Update mydia-web, then try it again.",
    may_have_arrived=False,
    was_asked=False,
)


def prepare(rows: Sequence[QueuedChange]) -> list[Delivery]:
    """Return the deliveries of these rows, in the same order."""
    copies = _read_copies(rows)
    accounts = _read_accounts(rows)
    bases = _read_bases(accounts, copies)
    return [_delivery(row, accounts, copies, bases) for row in rows]


def wanted(row: QueuedChange) -> Wanted:
    """Return both registers of a row as one wish: a mark that a position followed carries both.

    An unknown change type is a no-op.
    """
    if not _is_known(row):
        return Wanted(change_type="progress_update", at=row.intent_at)
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


class _Base(NamedTuple):
    """The state that an item last showed, and the version of the title it was for."""

    state: RemoteState
    version_id: str


_Accounts = Mapping[tuple[int, int], int]
_Copies = Mapping[tuple[int, ContentKey], Sequence[Copy]]
_Bases = Mapping[tuple[int | None, int | None], _Base]


def _delivery(row: QueuedChange, accounts: _Accounts, copies: _Copies, bases: _Bases) -> Delivery:
    account_id = accounts.get((row.source_id, row.user_id))
    wish = wanted(row)
    targets: list[Copy] = []
    for item_id, target in copies.get((row.source_id, row.content_key), ()):
        targets.append((item_id, _with_base(target, bases.get((account_id, item_id)), row)))
    if not row.unconfirmed:
        targets = _differing(targets, wish)
    return Delivery(
        row_id=row.id,
        claim_token=row.claim_token or "",
        lease_until=row.lease_until or row.intent_at,
        attempt=row.attempt_count,
        user_id=row.user_id,
        source_id=row.source_id,
        content=row.content_key,
        change_set_id=row.change_set_id,
        account_id=account_id,
        wanted=wish,
        targets=tuple(targets),
        problem=None if _is_known(row) else _UNKNOWN,
    )


def _is_known(row: QueuedChange) -> bool:
    return row.change_type in list(ChangeType)


def _with_base(target: Target, base: _Base | None, row: QueuedChange) -> Target:
    unconfirmed = _times(row.unconfirmed)
    if base is None:
        return replace(target, unconfirmed=unconfirmed)
    return replace(target, shown=base.state, version_id=base.version_id, unconfirmed=unconfirmed)


def _times(text: str) -> tuple[datetime, ...]:
    """Parse times as a database writes them: SQLite leaves out that they are UTC."""
    times = [datetime.fromisoformat(part) for part in text.split(",") if part]
    return tuple(at if at.tzinfo else at.replace(tzinfo=UTC) for at in times)


def _differing(copies: list[Copy], wish: Wanted) -> list[Copy]:
    """Return those of several copies that do not show the wish yet, or all if each does.

    One of them may have shown by itself what the others are to take.
    """
    if len(copies) < 2:
        return copies
    return [copy for copy in copies if not _shows(copy[1].shown, wish)] or copies


def _shows(state: RemoteState | None, wish: Wanted) -> bool:
    if state is None:
        return False
    is_marked = wish.watched is None or wish.watched == state.watched
    position_ms = wish.position_ms or 0
    return is_marked and abs(position_ms - state.position_ms) <= SAME_POSITION_MS


# Every claim asks the following, so each statement is built once: building one takes longer than
# running it. An `expanding` parameter is the list of an IN.

_accounts = SourceAccount.__table__.c
_items = SourceItem.__table__.c
_ids = ExternalId.__table__.c
_episodes = Episode.__table__.c
_states = SourceItemState.__table__.c


def _list(name: str) -> BindParameter[Any]:
    return bindparam(name, expanding=True)


_SELECT_ACCOUNTS = select(_accounts.source_id, _accounts.user_id, _accounts.id).where(
    _accounts.source_id.in_(_list("sources")), _accounts.user_id.in_(_list("users"))
)
_SELECT_BASES = select(
    _states.source_account_id,
    _states.source_item_id,
    _states.version_id,
    _states.watched,
    _states.position_ms,
    _states.play_count,
    _states.last_played_at,
).where(
    _states.source_account_id.in_(_list("accounts")), _states.source_item_id.in_(_list("items"))
)
_SELECT_EPISODES = select(
    _episodes.id, _episodes.media_item_id, _episodes.season_number, _episodes.episode_number
).where(_episodes.id.in_(_list("ids")))


@cache
def _select_copies(column: str) -> Select[Any]:
    columns = (
        _items.id,
        _items.source_id,
        _items.media_item_id,
        _items.episode_id,
        _items.remote_id,
        _items.path,
    )
    of_source = _items.source_id.in_(_list("sources"))
    return select(*columns).where(of_source, _items[column].in_(_list("ids"))).order_by(_items.id)


@cache
def _select_external_ids(column: str) -> Select[Any]:
    query = select(_ids.media_item_id, _ids.episode_id, _ids.provider, _ids.value)
    return query.where(_ids[column].in_(_list("ids")))


def _read_accounts(rows: Sequence[QueuedChange]) -> _Accounts:
    """Return account ids by (source id, user id)."""
    accounts = _read(
        _SELECT_ACCOUNTS,
        sources={row.source_id for row in rows},
        users={row.user_id for row in rows},
    )
    return {(source_id, user_id): account_id for source_id, user_id, account_id in accounts}


def _read_copies(rows: Sequence[QueuedChange]) -> _Copies:
    """Return the copies of each content on each source, read in a few queries for all rows."""
    films, episodes = split_keys({row.content_key for row in rows})
    titles = _read_titles(films, episodes)
    source_ids = {row.source_id for row in rows}
    copies: dict[tuple[int, ContentKey], list[Copy]] = {}
    for item in _read_of_each(_select_copies, films, episodes, sources=source_ids):
        key = ContentKey.from_columns(item.media_item_id, item.episode_id)
        target = replace(titles[key], remote_id=item.remote_id, path=item.path)
        copies.setdefault((item.source_id, key), []).append((item.id, target))
    _keep_one_copy_at_services(copies)
    unlisted = {(row.source_id, row.content_key) for row in rows} - copies.keys()
    services = _services_among({source_id for source_id, _ in unlisted})
    for source_id, key in unlisted:
        if source_id in services:
            copies[source_id, key] = [(None, titles[key])]
    return copies


def _keep_one_copy_at_services(copies: dict[tuple[int, ContentKey], list[Copy]]) -> None:
    """Keep one of the ids by which an account service knows a title, the one known longest.

    Telling it both would make two plays.
    """
    several = [place for place, known in copies.items() if len(known) > 1]
    services = _services_among({source_id for source_id, _ in several})
    for place in several:
        if place[0] in services:
            copies[place] = copies[place][:1]


def _services_among(source_ids: set[int]) -> Sequence[int]:
    """Return the account services among these sources: they also take what they never listed."""
    if not source_ids:
        return ()
    is_service = Source.kind.in_(kinds_that_accept_unlisted())
    return db.session.scalars(select(Source.id).where(Source.id.in_(source_ids), is_service)).all()


def _read_bases(accounts: _Accounts, copies: _Copies) -> _Bases:
    """Return what the accounts' items last showed, by (account id, item id)."""
    item_ids: set[int] = set()
    for known in copies.values():
        item_ids.update(item_id for item_id, _ in known if item_id is not None)
    if not item_ids:
        return {}
    bases: dict[tuple[int | None, int | None], _Base] = {}
    for row in _read(_SELECT_BASES, accounts=set(accounts.values()), items=item_ids):
        state = RemoteState(
            watched=row.watched,
            position_ms=row.position_ms,
            play_count=row.play_count,
            last_played_at=row.last_played_at,
        )
        bases[row.source_account_id, row.source_item_id] = _Base(state, row.version_id)
    return bases


def _read_titles(films: Sequence[int], episodes: Sequence[int]) -> dict[ContentKey, Target]:
    """Return what identifies each title, as a target without an address."""
    rows = list(_read(_SELECT_EPISODES, ids=episodes)) if episodes else []
    shows = {row.media_item_id for row in rows}
    ids_of_title, ids_of_episode = _read_external_ids({*films, *shows}, episodes)
    titles: dict[ContentKey, Target] = {}
    for film_id in films:
        target = Target(remote_id="", kind="movie", external_ids=ids_of_title.get(film_id, {}))
        titles[ContentKey("movie", film_id)] = target
    for row in rows:
        titles[ContentKey("episode", row.id)] = Target(
            remote_id="",
            kind="episode",
            external_ids=ids_of_episode.get(row.id, {}),
            show_external_ids=ids_of_title.get(row.media_item_id, {}),
            season_number=row.season_number,
            episode_number=row.episode_number,
        )
    return titles


def _read_external_ids(
    titles: Collection[int], episodes: Collection[int]
) -> tuple[dict[int, dict[str, str]], dict[int, dict[str, str]]]:
    """Return value by provider, for each of the films and shows, and for each of the episodes."""
    of_title: dict[int, dict[str, str]] = {}
    of_episode: dict[int, dict[str, str]] = {}
    for row in _read_of_each(_select_external_ids, titles, episodes):
        if row.episode_id is None:
            of_title.setdefault(row.media_item_id, {})[row.provider] = row.value
        else:
            of_episode.setdefault(row.episode_id, {})[row.provider] = row.value
    return of_title, of_episode


def _read_of_each(
    build: Callable[[str], Select[Any]],
    titles: Collection[int],
    episodes: Collection[int],
    **parameters: Collection[int],
) -> Iterator[Any]:
    """Read titles and episodes apart: an empty list beside the other makes SQLite read all rows."""
    for column, ids in (("media_item_id", titles), ("episode_id", episodes)):
        if ids:
            yield from _read(build(column), ids=ids, **parameters)


def _read(statement: Select[Any], **parameters: Collection[int]) -> Iterable[Any]:
    lists = {name: list(ids) for name, ids in parameters.items()}
    return db.session.connection().execute(statement, lists)
