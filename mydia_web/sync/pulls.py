"""Requested pulls, and how workers share them: claimed, held by a lease, ended.

A claim works as in the queue. Its worker renews the lease, and each of its writes checks the token,
so a worker that lost the claim writes nothing more into the pull. Whoever looks frees the pulls of
dead workers. Nothing here commits.
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

#: How long a worker keeps a pull without a sign of life. After a kill nobody reads the source for
#: that long.
LEASE = timedelta(seconds=20)
#: A pull that was started this often in a row and brought nothing is not started again: it may be
#: what kills the process.
MOST_TRIES = 10

#: What a pull is followed by, as stored; "sweep" is a full scan.
FollowUp = Literal["", "pull", "sweep", "removals", "keep"]
#: Each does what those before it do.
_FOLLOW_UPS: Sequence[FollowUp] = ("", "pull", "sweep", "removals", "keep")


class ClaimLost(MydiaError):
    """Another worker has this pull now."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A running pull that is ours until somebody else claims it."""

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
    """Request a pull of the source; return it, or the one that is open already.

    A preview only says what it would bring; `is_sweep` asks for a full scan. With `takes_removals`
    a person confirms many removals at once; with `keeps_ours` the person rejects them. A pull that
    waits becomes a full scan where one is requested; one that is running, or is a preview, is
    followed by another pull that does the rest.
    """
    free_lost_pulls()
    _insert_or_widen(
        source_id=source_id,
        is_preview=is_preview,
        is_sweep=is_sweep or takes_removals or keeps_ours,
        takes_removals=takes_removals,
        keeps_ours=keeps_ours,
    )
    query = select(Pull).where(Pull.source_id == source_id, Pull.finished_at.is_(None))
    pull = db.session.scalars(query.execution_options(populate_existing=True)).one()
    if is_preview:
        return pull
    follow_up = _follow_up(is_sweep=is_sweep, takes_removals=takes_removals, keeps_ours=keeps_ours)
    if pull.is_preview or (pull.status != "requested" and follow_up != "pull"):
        # The open pull will not do it: what it has read by now, it does not read again.
        pull.followed_by = max(pull.followed_by, follow_up, key=_FOLLOW_UPS.index)
        db.session.flush()
    return pull


def _insert_or_widen(**values: Any) -> None:
    """Insert a pull, or let the one that still waits do what is requested as well."""
    row = insert_for(Pull).values(
        status="requested", requested_at=now(), done=0, message="", **values
    )
    new = row.excluded
    # The open row is locked even where the condition does not hold, so it cannot end before we are
    # done.
    statement = row.on_conflict_do_update(
        index_elements=["source_id"],
        index_where=Pull.finished_at.is_(None),
        set_={
            "is_sweep": or_(Pull.is_sweep, new.is_sweep),
            # The latest decision counts.
            "takes_removals": or_(
                and_(Pull.takes_removals, not_(new.keeps_ours)), new.takes_removals
            ),
            "keeps_ours": or_(and_(Pull.keeps_ours, not_(new.takes_removals)), new.keeps_ours),
        },
        where=and_(
            Pull.status == "requested", Pull.is_preview.is_(False), new.is_preview.is_(False)
        ),
    )
    db.session.execute(statement)


def _follow_up(*, is_sweep: bool, takes_removals: bool, keeps_ours: bool) -> FollowUp:
    if keeps_ours:
        return "keep"
    if takes_removals:
        return "removals"
    return "sweep" if is_sweep else "pull"


def claim_pull(pull_id: int) -> Claim | None:
    """Claim a waiting pull; return None where somebody else has it."""
    token = str(uuid.uuid4())
    at = now()
    values = {
        "status": "running",
        "began_at": at,
        "moved_at": at,
        "claim_token": token,
        "lease_until": at + LEASE,
        "tries": Pull.tries + 1,
    }
    is_claimed = _update(Pull.id == pull_id, Pull.status == "requested", values=values)
    return Claim(pull_id, token) if is_claimed else None


def hold(claim: Claim, **values: Any) -> None:
    """Renew the lease and store these values. Raise `ClaimLost`.

    Call it in the transaction of what the worker writes, so that both are stored or neither.
    """
    if not _update(*_own(claim), values={"lease_until": now() + LEASE, **values}):
        raise ClaimLost


def give_back(claim: Claim, *, counts_as_try: bool = False) -> None:
    """Let somebody else continue at once. Do nothing where the claim is lost."""
    values: dict[str, Any] = {**_FREE, "moved_at": now()}
    if not counts_as_try:
        values["tries"] = case((Pull.tries > 0, Pull.tries - 1), else_=0)
    _update(*_own(claim), values=values)


def end_pull(claim: Claim, status: Literal["done", "failed"], **values: Any) -> Pull | None:
    """End a pull, and request the one that follows it.

    Return None where the claim is lost or the source was removed. A preview writes nothing, so its
    result is valid whoever has the claim.
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
    """Let others claim the pulls of dead workers; what those brought is kept.

    A lease that ends too late was written while a clock was wrong, and is cut.
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
    """Return whether a lease has expired, or never will."""
    at = now()
    is_odd = or_(Pull.lease_until.is_(None), Pull.lease_until < at, Pull.lease_until > at + LEASE)
    query = select(Pull.id).where(Pull.finished_at.is_(None), Pull.status == "running", is_odd)
    return db.session.scalar(query.limit(1)) is not None


def is_being_read(pull: Pull) -> bool:
    """Return whether a live worker is running it."""
    if pull.status != "running" or pull.lease_until is None:
        return False
    return pull.lease_until >= now()


def latest_pull(source_id: int) -> Pull | None:
    return db.session.scalar(
        select(Pull).where(Pull.source_id == source_id).order_by(Pull.id.desc()).limit(1)
    )


def list_pulls(source_id: int, *, limit: int = 10) -> Sequence[Pull]:
    """Return the latest pulls of the source, newest first."""
    return db.session.scalars(
        select(Pull).where(Pull.source_id == source_id).order_by(Pull.id.desc()).limit(limit)
    ).all()


def open_pulls() -> Sequence[Pull]:
    """Return requested and running pulls, the longest waiting first."""
    return db.session.scalars(
        select(Pull).where(Pull.finished_at.is_(None)).order_by(Pull.id)
    ).all()


_FREE: Mapping[str, Any] = {"status": "requested", "claim_token": None, "lease_until": None}


def _own(claim: Claim) -> tuple[Any, ...]:
    return Pull.id == claim.pull_id, Pull.claim_token == claim.token


def _update(*where: Any, values: Mapping[str, Any]) -> int:
    """Return how many rows were changed."""
    statement = update(Pull).where(*where).values(values).returning(Pull.id)
    return len(db.session.scalars(statement.execution_options(synchronize_session=False)).all())
