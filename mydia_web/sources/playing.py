"""What plays now, and where: news of it comes and goes, and nothing is sent to an item while it plays."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, select

from mydia_web.clock import now
from mydia_web.db import UTCDateTime, db, insert_for
from mydia_web.sources.events import NowPlaying
from mydia_web.sources.models import Source, SourceAccount, SourceItem

#: A player that was not heard of for so long has ended without a word.
SILENT_AFTER = timedelta(minutes=15)


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


def note_playing(account_id: int, item_id: int, position_ms: int, *, paused: bool, device: str) -> None:
    at = now()
    row = insert_for(NowPlaying).values(
        source_account_id=account_id,
        source_item_id=item_id,
        position_ms=position_ms,
        paused=paused,
        device=device,
        began_at=at,
        seen_at=at,
    )
    newer = {name: row.excluded[name] for name in ("position_ms", "paused", "device", "seen_at")}
    db.session.execute(
        row.on_conflict_do_update(index_elements=["source_account_id", "source_item_id"], set_=newer)
    )


def note_stopped(account_id: int, item_id: int) -> None:
    of_item = (NowPlaying.source_account_id == account_id, NowPlaying.source_item_id == item_id)
    db.session.execute(delete(NowPlaying).where(*of_item))


def playing_of(user_id: int) -> Sequence[Session]:
    """What the user plays now, the last heard of first."""
    rows = db.session.execute(
        select(Source.name, Source.kind, SourceItem.media_item_id, SourceItem.episode_id, NowPlaying)
        .select_from(NowPlaying)
        .join(SourceAccount, SourceAccount.id == NowPlaying.source_account_id)
        .join(Source, Source.id == SourceAccount.source_id)
        .join(SourceItem, SourceItem.id == NowPlaying.source_item_id)
        .where(SourceAccount.user_id == user_id, NowPlaying.seen_at > now() - SILENT_AFTER)
        .order_by(NowPlaying.seen_at.desc())
    )
    return [
        Session(name, kind, film, episode, one.position_ms // 1000, one.paused, one.device, one.seen_at)
        for name, kind, film, episode, one in rows
    ]


def items_playing(source_id: int) -> set[tuple[int, int]]:
    """(account id, source item id) of all that plays on a source now."""
    asked = {"source": source_id, "since": now() - SILENT_AFTER}
    return {(account_id, item_id) for account_id, item_id in db.session.connection().execute(_PLAYING, asked)}


#: Built once: every claim asks it.
_PLAYING = (
    select(NowPlaying.source_account_id, NowPlaying.source_item_id)
    .join(SourceItem, SourceItem.id == NowPlaying.source_item_id)
    .where(
        SourceItem.source_id == bindparam("source"),
        NowPlaying.seen_at > bindparam("since", type_=UTCDateTime),
    )
)
