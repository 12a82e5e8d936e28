"""How far the clocks of the sources are from ours: kept when it changes, told when it matters."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import select, update

from mydia_web.db import db
from mydia_web.sources.models import Source

#: Less is no difference to speak of.
TOLD_FROM = timedelta(seconds=30)
#: A change of less is how exactly it can be measured, and is not written down.
_CHANGED_MS = 5000


def note_clock(source_id: int, skew: timedelta | None) -> None:
    """Theirs minus ours. None: the source did not tell, and what was known stays."""
    if skew is not None and changed_clocks({source_id: skew}):
        kept = {"clock_skew_ms": _milliseconds(skew)}
        db.session.execute(update(Source).where(Source.id == source_id).values(kept))


def changed_clocks(skews: Mapping[int, timedelta]) -> dict[int, timedelta]:
    """Those of which something else is known, or nothing yet."""
    query = select(Source.id, Source.clock_skew_ms).where(Source.id.in_(skews))
    known = dict(db.session.execute(query).all())
    return {
        source_id: skew
        for source_id, skew in skews.items()
        if source_id in known and _is_news(known[source_id], skew)
    }


def by_our_clock(source: Source, at: datetime) -> datetime:
    """What the source's clock showed, as far as it is known how far that is from ours."""
    return at - timedelta(milliseconds=source.clock_skew_ms or 0)


def clock_words(skew_ms: int | None) -> str:
    """Such as "Its clock is 3 min ahead of ours."; "" where they agree, or nothing is known."""
    skew = timedelta(milliseconds=skew_ms or 0)
    if abs(skew) < TOLD_FROM:
        return ""
    return f"Its clock is {_span(abs(skew))} {'ahead of' if skew > timedelta() else 'behind'} ours."


def skew_words(skew: timedelta | None) -> str:
    """As `clock_words`, of what was measured just now."""
    return clock_words(None if skew is None else _milliseconds(skew))


def _is_news(known: int | None, skew: timedelta) -> bool:
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
