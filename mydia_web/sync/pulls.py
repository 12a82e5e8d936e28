"""Pulls as people see them (asked for, running, done) and as workers share them: claimed, held by a
lease, ended.

A claim works as in the queue. Its worker renews the lease, and every write of it checks the token:
whoever lost the claim writes nothing more into that pull. Whoever looks frees the pulls of dead
workers. Nothing here commits.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from sqlalchemy import and_, case, not_, or_, select, update

from mydia_web.clock import now
from mydia_web.db import db, insert_for
from mydia_web.errors import MydiaError
from mydia_web.sources.models import Pull

#: How long a pull stays its worker's without a sign of life: after a kill, nobody reads the source
#: for that long.
LEASE = timedelta(seconds=20)
#: A pull that was begun so often in a row and brought nothing is not begun again by itself: it may
#: be what kills the process.
MOST_TRIES = 10

Wish = Literal["", "pull", "sweep", "removals", "keep"]
#: Each does what those before it do.
_WISHES: Sequence[Wish] = ("", "pull", "sweep", "removals", "keep")


class ClaimLost(MydiaError):
    """Another worker has this pull now."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A running pull that is ours as long as nobody else claims it."""

    pull_id: int
    token: str


def request_pull(
    source_id: int,
    *,
    is_preview: bool = False,
    is_sweep: bool = False,
    takes_removals: bool = False,
    keeps_ours: bool = False,
) -> Pull:
    """Ask for a pull of the source; the one that is open already, if there is one.

    A preview only says what it would bring; a sweep reads everything; `takes_removals` is a
    person's word that what is unwatched all at once is meant so, and `keeps_ours` that it is not.
    One that waits becomes a sweep where that is asked for; one that is under way, or is a preview,
    is followed by what it does not do itself.
    """
    free_lost_pulls()
    row = insert_for(Pull).values(
        source_id=source_id,
        status="requested",
        requested_at=now(),
        done=0,
        message="",
        is_preview=is_preview,
        is_sweep=is_sweep or takes_removals or keeps_ours,
        takes_removals=takes_removals,
        keeps_ours=keeps_ours,
    )
    new = row.excluded
    # Where the condition does not hold, the open row is locked all the same: it cannot end before
    # we are done.
    not_begun = row.on_conflict_do_update(
        index_elements=["source_id"],
        index_where=Pull.finished_at.is_(None),
        set_={
            "is_sweep": or_(Pull.is_sweep, new.is_sweep),
            # The last word counts.
            "takes_removals": or_(
                and_(Pull.takes_removals, not_(new.keeps_ours)), new.takes_removals
            ),
            "keeps_ours": or_(and_(Pull.keeps_ours, not_(new.takes_removals)), new.keeps_ours),
        },
        where=and_(
            Pull.status == "requested", Pull.is_preview.is_(False), new.is_preview.is_(False)
        ),
    )
    db.session.execute(not_begun)
    open_one = select(Pull).where(Pull.source_id == source_id, Pull.finished_at.is_(None))
    pull = db.session.scalars(open_one.execution_options(populate_existing=True)).one()
    if not is_preview:
        _follow(
            pull, _wish(is_sweep=is_sweep, takes_removals=takes_removals, keeps_ours=keeps_ours)
        )
    return pull


def _wish(*, is_sweep: bool, takes_removals: bool, keeps_ours: bool) -> Wish:
    if keeps_ours:
        return "keep"
    if takes_removals:
        return "removals"
    return "sweep" if is_sweep else "pull"


def _follow(pull: Pull, wish: Wish) -> None:
    """Note what the open pull will not do: what it has read by now is not read again for a sweep
    that is wanted now.
    """
    if not pull.is_preview and (pull.status == "requested" or wish == "pull"):
        return
    pull.followed_by = max(pull.followed_by, wish, key=_WISHES.index)
    db.session.flush()


def claim_pull(pull_id: int) -> Claim | None:
    """Take a pull that waits. None: somebody else has taken it."""
    token = str(uuid.uuid4())
    at = now()
    waits = (Pull.id == pull_id, Pull.status == "requested")
    begun = {
        "status": "running",
        "began_at": at,
        "moved_at": at,
        "claim_token": token,
        "lease_until": at + LEASE,
        "tries": Pull.tries + 1,
    }
    taken = _update(*waits, values=begun)
    return Claim(pull_id, token) if taken else None


def hold(claim: Claim, **values: Any) -> None:
    """Renew the lease, and write these values with it. Raises `ClaimLost`.

    In the transaction of what the worker writes: then either both are kept or none.
    """
    if not _update(*_own(claim), values={"lease_until": now() + LEASE, **values}):
        raise ClaimLost


def give_back(claim: Claim, *, counts_as_try: bool = False) -> None:
    """Let somebody else go on at once. Does nothing where the claim is lost."""
    values: dict[str, Any] = {**_FREE, "moved_at": now()}
    if not counts_as_try:
        values["tries"] = case((Pull.tries > 0, Pull.tries - 1), else_=0)
    _update(*_own(claim), values=values)


def end_pull(claim: Claim, status: Literal["done", "failed"], **values: Any) -> Pull | None:
    """End a pull, and request what was asked for meanwhile. None: the claim is lost, or the source
    was removed.

    A preview writes nothing, so that its answer is good whoever has the claim.
    """
    own = or_(and_(*_own(claim)), and_(Pull.id == claim.pull_id, Pull.is_preview))
    ended: dict[str, Any] = {
        "status": status,
        "finished_at": now(),
        "claim_token": None,
        "lease_until": None,
        "progress": {},
    }
    if not _update(own, Pull.finished_at.is_(None), values={**ended, **values}):
        return None
    pull = db.session.get_one(Pull, claim.pull_id, populate_existing=True)
    if pull.followed_by:
        request_pull(
            pull.source_id,
            is_sweep=pull.followed_by == "sweep",
            takes_removals=pull.followed_by == "removals",
            keeps_ours=pull.followed_by == "keep",
        )
    return pull


def free_lost_pulls() -> None:
    """Let the pulls of dead workers be taken by others: what they had brought is kept.

    A lease that ends later than one can was written while a clock was wrong: it is cut to its
    length.
    """
    if not has_lost_pulls():
        return
    at = now()
    running = (Pull.status == "running", Pull.finished_at.is_(None))
    _update(*running, Pull.lease_until > at + LEASE, values={"lease_until": at + LEASE})
    lost = (*running, or_(Pull.lease_until.is_(None), Pull.lease_until < at))
    _update(*lost, Pull.tries < MOST_TRIES, values=_FREE)
    words = (
        f"It was interrupted {MOST_TRIES} times before it brought anything. Pull again to go on."
    )
    given_up = {
        "status": "failed",
        "finished_at": at,
        "claim_token": None,
        "message": words,
        "progress": {},
    }
    _update(*lost, values=given_up)


def has_lost_pulls() -> bool:
    """Return whether a lease has run out, or never will."""
    at = now()
    is_odd = or_(Pull.lease_until.is_(None), Pull.lease_until < at, Pull.lease_until > at + LEASE)
    query = select(Pull.id).where(Pull.finished_at.is_(None), Pull.status == "running", is_odd)
    return db.session.scalar(query.limit(1)) is not None


def is_being_read(pull: Pull) -> bool:
    """Return whether a worker that lives is at it."""
    return pull.status == "running" and pull.lease_until is not None and pull.lease_until >= now()


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
    return db.session.scalars(
        select(Pull).where(Pull.finished_at.is_(None)).order_by(Pull.id)
    ).all()


_FREE: Mapping[str, Any] = {"status": "requested", "claim_token": None, "lease_until": None}


def _own(claim: Claim) -> tuple[Any, ...]:
    return Pull.id == claim.pull_id, Pull.claim_token == claim.token


def _update(*where: Any, values: Mapping[str, Any]) -> int:
    """How many rows were changed."""
    statement = update(Pull).where(*where).values(values).returning(Pull.id)
    return len(db.session.scalars(statement.execution_options(synchronize_session=False)).all())
