"""Clock skew of the sources: stored when it changes, shown when it matters."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import select, update

from mydia_web.db import db
from mydia_web.sources.models import Source

#: A smaller skew is not worth mentioning.
_SHOWN_FROM = timedelta(seconds=30)
#: A smaller change is within the error of measurement, and is not stored.
_CHANGED_MS = 5000


def note_clock(source_id: int, skew: timedelta | None) -> None:
    """Store the skew, theirs minus ours. None: not measured, so the known one stays."""
    if skew is not None and changed_clocks({source_id: skew}):
        kept = {"clock_skew_ms": _milliseconds(skew)}
        db.session.execute(update(Source).where(Source.id == source_id).values(kept))


def changed_clocks(skews: Mapping[int, timedelta]) -> dict[int, timedelta]:
    """Return those that differ from the stored skew, by source id."""
    query = select(Source.id, Source.clock_skew_ms).where(Source.id.in_(skews))
    known = dict(db.session.execute(query).all())
    return {
        source_id: skew
        for source_id, skew in skews.items()
        if source_id in known and _differs(known[source_id], skew)
    }


def by_our_clock(source: Source, at: datetime) -> datetime:
    """Translate a time of the source's clock to ours, as far as the skew is known."""
    return at - timedelta(milliseconds=source.clock_skew_ms or 0)


def clock_words(skew_ms: int | None) -> str:
    """Return a sentence such as "Its clock is 3 min ahead of ours.", or "" if it matters not."""
    skew = timedelta(milliseconds=skew_ms or 0)
    if abs(skew) < _SHOWN_FROM:
        return ""
    direction = "ahead of" if skew > timedelta() else "behind"
    return f"Its clock is {_span(abs(skew))} {direction} ours."


def skew_words(skew: timedelta | None) -> str:
    """Return `clock_words` for a skew that was measured just now."""
    return clock_words(None if skew is None else _milliseconds(skew))


def _differs(known: int | None, skew: timedelta) -> bool:
    return known is None or abs(known - _milliseconds(skew)) > _CHANGED_MS


def _milliseconds(skew: timedelta) -> int:
    return skew // timedelta(milliseconds=1)


def _span(span: timedelta) -> str:
    seconds = span.total_seconds()
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86400:,.0f} days"
