"""What plays now, and where: news of it comes and goes, and nothing is sent to an item while it
plays.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, case, delete, func, or_, select, update

from mydia_web.backends.values import RemoteState
from mydia_web.clock import now
from mydia_web.db import UTCDateTime, db, insert_for
from mydia_web.sources.events import NowPlaying
from mydia_web.sources.models import Source, SourceAccount, SourceItem

#: A player that was not heard of for this long has ended without a word.
SILENT_AFTER = timedelta(minutes=15)
#: Players report positions more or less exactly; less than this apart is the same.
SAME_POSITION_MS = 2000
#: What was last heard of a silent player is taken over after this.
TAKEN_AFTER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
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
    """Note that an item plays, and where it is. For the eye: a server tells apart what it keeps of
    it.
    """
    _note(account_id, item_id, position_ms=position_ms, paused=paused, device=device)


def note_position_told(
    account_id: int, item_id: int, position_ms: int, *, paused: bool, device: str
) -> None:
    """Note that an item plays, and a position that may be taken over should no end of it be heard
    of.
    """
    told = {"position_ms": position_ms, "tells_position": True}
    _note(account_id, item_id, paused=paused, device=device, **told)


def note_saved(account_id: int, item_id: int, state: RemoteState, at: datetime) -> None:
    """Note what the server has saved, at that time by our clock, of an item that plays."""
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
    """Return what is known of an item since it began to play, also where that was not heard of for
    long.

    A play that has ended is of interest while more may be told of its end.
    """
    of_item = (NowPlaying.source_account_id == account_id, NowPlaying.source_item_id == item_id)
    is_of_now = or_(NowPlaying.ended_at.is_(None), NowPlaying.ended_at > now() - SILENT_AFTER)
    query = select(NowPlaying).where(*of_item, is_of_now)
    return db.session.scalar(query.execution_options(populate_existing=True))


def saved_state(session: NowPlaying) -> RemoteState | None:
    """Return what the server has saved since the item began to play."""
    if session.saved_at is None:
        return None
    return RemoteState(
        watched=bool(session.saved_watched),
        position_ms=session.saved_position_ms or 0,
        play_count=session.saved_play_count or 0,
        last_played_at=session.saved_last_played_at,
    )


def note_ended(account_id: int, item_id: int, state: RemoteState, at: datetime) -> None:
    """Note that a play has ended with this; nothing else that is told of it says more."""
    note_saved(account_id, item_id, state, at)
    of_item = (NowPlaying.source_account_id == account_id, NowPlaying.source_item_id == item_id)
    db.session.execute(update(NowPlaying).where(*of_item).values(ended_at=now()))


def note_stopped(account_id: int, item_id: int) -> None:
    of_item = (NowPlaying.source_account_id == account_id, NowPlaying.source_item_id == item_id)
    db.session.execute(delete(NowPlaying).where(*of_item))


def silent_sessions() -> Sequence[NowPlaying]:
    """Return what was playing and has not been heard of for `TAKEN_AFTER`, and was not taken over
    since.
    """
    is_silent = NowPlaying.seen_at < now() - TAKEN_AFTER
    is_open = (NowPlaying.taken_at.is_(None), NowPlaying.ended_at.is_(None))
    return db.session.scalars(
        select(NowPlaying).where(is_silent, *is_open).order_by(NowPlaying.id)
    ).all()


def playing_of(user_id: int) -> Sequence[Session]:
    """What the user plays now, the last heard of first."""
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
            name, kind, film, episode, one.position_ms // 1000, one.paused, one.device, one.seen_at
        )
        for name, kind, film, episode, one in rows
    ]


def items_playing(source_id: int) -> set[tuple[int, int]]:
    """(account id, source item id) of all that plays on a source now."""
    asked = {"source": source_id, "since": now() - SILENT_AFTER}
    return {
        (account_id, item_id)
        for account_id, item_id in db.session.connection().execute(_PLAYING, asked)
    }


#: Built once: every claim asks it.
_PLAYING = (
    select(NowPlaying.source_account_id, NowPlaying.source_item_id)
    .join(SourceItem, SourceItem.id == NowPlaying.source_item_id)
    .where(
        SourceItem.source_id == bindparam("source"),
        NowPlaying.seen_at > bindparam("since", type_=UTCDateTime),
        NowPlaying.ended_at.is_(None),
    )
)
