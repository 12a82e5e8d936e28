"""Pulls as people see them: asked for, running, done. The worker carries them out."""

from collections.abc import Sequence

from sqlalchemy import and_, or_, select

from mydia_web.clock import now
from mydia_web.db import db, insert_for
from mydia_web.sources.models import Pull


def request_pull(
    source_id: int, *, is_preview: bool = False, is_sweep: bool = False, takes_removals: bool = False
) -> Pull:
    """Ask for a pull of the source; the one that is open already, if there is one, which may still become a sweep.

    A preview only says what it would bring; a sweep reads everything; `takes_removals` is a person's word that what
    is unwatched all at once is meant so.
    """
    row = insert_for(Pull).values(
        source_id=source_id,
        status="requested",
        requested_at=now(),
        done=0,
        message="",
        is_preview=is_preview,
        is_sweep=is_sweep or takes_removals,
        takes_removals=takes_removals,
    )
    not_begun = row.on_conflict_do_update(
        index_elements=["source_id"],
        index_where=Pull.finished_at.is_(None),
        set_={name: or_(getattr(Pull, name), row.excluded[name]) for name in ("is_sweep", "takes_removals")},
        where=and_(
            Pull.status == "requested", Pull.is_preview.is_(False), row.excluded.is_preview.is_(False)
        ),
    )
    db.session.execute(not_begun)
    open_one = select(Pull).where(Pull.source_id == source_id, Pull.finished_at.is_(None))
    return db.session.scalars(open_one.execution_options(populate_existing=True)).one()


def latest_pull(source_id: int) -> Pull | None:
    return db.session.scalar(
        select(Pull).where(Pull.source_id == source_id).order_by(Pull.id.desc()).limit(1)
    )


def list_pulls(source_id: int, *, limit: int = 10) -> Sequence[Pull]:
    """The latest pulls of the source, newest first."""
    return db.session.scalars(
        select(Pull).where(Pull.source_id == source_id).order_by(Pull.id.desc()).limit(limit)
    ).all()


def open_pulls() -> Sequence[Pull]:
    """What is asked for or running, the longest waiting first."""
    return db.session.scalars(select(Pull).where(Pull.finished_at.is_(None)).order_by(Pull.id)).all()
