"""What plays now, and where. Nothing is pushed to an item while it plays."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, case, delete, func, or_, select, update

from mydia_web.backends.values import RemoteState
from mydia_web.clock import now
from mydia_web.db import UTCDateTime, db, insert_for
from mydia_web.sources.models import NowPlaying, Source, SourceAccount, SourceItem

#: A player that reported nothing for this long has ended without saying so.
SILENT_AFTER = timedelta(minutes=15)
#: Players report positions inexactly; closer than this they are the same.
SAME_POSITION_MS = 2000
#: When the last report of a silent player is taken over.
TAKEN_AFTER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One title that a user plays somewhere."""

    source_name: str
    kind: str
    media_item_id: int | None
    episode_id: int | None
    position_seconds: int
    paused: bool
    device: str
    seen_at: datetime


def note_playing(
    account_id: int, item_id: int, position_ms: int, *, paused: bool, device: str
) -> None:
    """Note that an item plays and where, for display: the server saves its state by itself."""
    _note(account_id, item_id, position_ms=position_ms, paused=paused, device=device)


def note_position_told(
    account_id: int, item_id: int, position_ms: int, *, paused: bool, device: str
) -> None:
    """Note that an item plays, with a position to take over if its end is never reported."""
    _note(
        account_id,
        item_id,
        position_ms=position_ms,
        tells_position=True,
        paused=paused,
        device=device,
    )


def note_saved(account_id: int, item_id: int, state: RemoteState, at: datetime) -> None:
    """Note what the server saved of an item that plays, at that time by our clock."""
    _note(
        account_id,
        item_id,
        saved_watched=state.watched,
        saved_position_ms=state.position_ms,
        saved_play_count=state.play_count,
        saved_last_played_at=state.last_played_at,
        saved_at=at,
    )


def _note(account_id: int, item_id: int, **values: Any) -> None:
    at = now()
    of_item = {"source_account_id": account_id, "source_item_id": item_id}
    position = values.get("position_ms", 0)
    row = insert_for(NowPlaying).values(
        **of_item,
        **values,
        furthest_ms=position,
        moved_at=at,
        began_at=at,
        seen_at=at,
        taken_at=None,
    )
    newer = {name: row.excluded[name] for name in (*values, "seen_at", "taken_at")}
    is_further = row.excluded.furthest_ms > NowPlaying.furthest_ms
    newer["furthest_ms"] = case(
        (is_further, row.excluded.furthest_ms), else_=NowPlaying.furthest_ms
    )
    if "position_ms" in values:
        has_moved = func.abs(row.excluded.position_ms - NowPlaying.position_ms) > SAME_POSITION_MS
        newer["moved_at"] = case((has_moved, row.excluded.moved_at), else_=NowPlaying.moved_at)
    db.session.execute(row.on_conflict_do_update(index_elements=list(of_item), set_=newer))


def session_of(account_id: int, item_id: int) -> NowPlaying | None:
    """Return what is known of an item since it began to play, silent players included.

    A play that ended is returned while more reports of its end may come in.
    """
    of_item = (NowPlaying.source_account_id == account_id, NowPlaying.source_item_id == item_id)
    is_of_now = or_(NowPlaying.ended_at.is_(None), NowPlaying.ended_at > now() - SILENT_AFTER)
    query = select(NowPlaying).where(*of_item, is_of_now)
    return db.session.scalar(query.execution_options(populate_existing=True))


def saved_state(session: NowPlaying) -> RemoteState | None:
    """Return what the server saved since the item began to play."""
    if session.saved_at is None:
        return None
    return RemoteState(
        watched=bool(session.saved_watched),
        position_ms=session.saved_position_ms or 0,
        play_count=session.saved_play_count or 0,
        last_played_at=session.saved_last_played_at,
    )


def note_ended(account_id: int, item_id: int, state: RemoteState, at: datetime) -> None:
    """Note that a play ended with this state; later reports of it add nothing."""
    note_saved(account_id, item_id, state, at)
    of_item = (NowPlaying.source_account_id == account_id, NowPlaying.source_item_id == item_id)
    db.session.execute(update(NowPlaying).where(*of_item).values(ended_at=now()))


def note_stopped(account_id: int, item_id: int) -> None:
    of_item = (NowPlaying.source_account_id == account_id, NowPlaying.source_item_id == item_id)
    db.session.execute(delete(NowPlaying).where(*of_item))


def silent_sessions() -> Sequence[NowPlaying]:
    """Return the sessions that are silent for `TAKEN_AFTER` and were not taken over yet."""
    is_silent = NowPlaying.seen_at < now() - TAKEN_AFTER
    is_open = (NowPlaying.taken_at.is_(None), NowPlaying.ended_at.is_(None))
    return db.session.scalars(
        select(NowPlaying).where(is_silent, *is_open).order_by(NowPlaying.id)
    ).all()


def playing_of(user_id: int) -> Sequence[Session]:
    """Return what the user plays now, the last reported first."""
    rows = db.session.execute(
        select(
            Source.name, Source.kind, SourceItem.media_item_id, SourceItem.episode_id, NowPlaying
        )
        .select_from(NowPlaying)
        .join(SourceAccount, SourceAccount.id == NowPlaying.source_account_id)
        .join(Source, Source.id == SourceAccount.source_id)
        .join(SourceItem, SourceItem.id == NowPlaying.source_item_id)
        .where(
            SourceAccount.user_id == user_id,
            NowPlaying.seen_at > now() - SILENT_AFTER,
            NowPlaying.ended_at.is_(None),
        )
        .order_by(NowPlaying.seen_at.desc())
    )
    return [
        Session(
            source_name=name,
            kind=kind,
            media_item_id=film_id,
            episode_id=episode_id,
            position_seconds=playing.position_ms // 1000,
            paused=playing.paused,
            device=playing.device,
            seen_at=playing.seen_at,
        )
        for name, kind, film_id, episode_id, playing in rows
    ]


def items_playing(source_id: int) -> set[tuple[int, int]]:
    """Return (account id, source item id) of everything that plays on a source now."""
    parameters = {"source": source_id, "since": now() - SILENT_AFTER}
    return {
        (account_id, item_id)
        for account_id, item_id in db.session.connection().execute(_PLAYING, parameters)
    }


#: Built once: every claim of queue rows runs it.
_PLAYING = (
    select(NowPlaying.source_account_id, NowPlaying.source_item_id)
    .join(SourceItem, SourceItem.id == NowPlaying.source_item_id)
    .where(
        SourceItem.source_id == bindparam("source"),
        NowPlaying.seen_at > bindparam("since", type_=UTCDateTime),
        NowPlaying.ended_at.is_(None),
    )
)
