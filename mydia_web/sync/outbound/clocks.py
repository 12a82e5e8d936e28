"""Keeps what the pushes of a worker have shown of their servers' clocks."""

from collections.abc import Mapping
from datetime import timedelta

from mydia_web.db import begin_write, db
from mydia_web.sources.clocks import changed_clocks, note_clock


def note_clocks(skews: Mapping[int, timedelta]) -> None:
    """By source id. Nothing is written where nothing has changed, and each source by itself: none
    waits for another.
    """
    if not skews:
        return
    changed = changed_clocks(skews)
    db.session.rollback()
    for source_id, skew in changed.items():
        begin_write()
        note_clock(source_id, skew)
        db.session.commit()
