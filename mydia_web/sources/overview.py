"""The sources as a person sees them: how each is, what it holds, and who is signed in on it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, literal, select, tuple_

from mydia_web.accounts.models import User
from mydia_web.backends.answers import Address
from mydia_web.backends.traits import Traits
from mydia_web.db import db
from mydia_web.sources.accounts import list_sources
from mydia_web.sources.clocks import clock_words
from mydia_web.sources.health import Health, health
from mydia_web.sources.linking import is_resolved
from mydia_web.sources.models import Pull, Source, SourceAccount, SourceItem, UnmatchedItem
from mydia_web.sources.registry import backend_class


@dataclass(frozen=True, slots=True)
class Holding:
    """How many titles a source holds, each once however many copies there are."""

    films: int = 0
    episodes: int = 0
    unmatched: int = 0


@dataclass(frozen=True, slots=True)
class Overview:
    """One source with all that its card tells."""

    source: Source
    health: Health
    holding: Holding
    #: The account of the person who looks.
    account: SourceAccount | None
    last_pull: Pull | None

    @property
    def traits(self) -> Traits:
        return backend_class(self.source.kind).traits

    @property
    def is_resolved(self) -> bool:
        """Return whether the server has said who the account is."""
        return self.account is None or is_resolved(self.source, self.account)

    @property
    def clock(self) -> str:
        """How far its clock is from ours, in words; "" where that does not matter."""
        return clock_words(self.source.clock_skew_ms)

    @property
    def address(self) -> str:
        """Where it is, without a sign-in that the address may carry."""
        if self.traits.address == "folder":
            return self.source.base_url
        return Address.parse(self.source.base_url).url


def overview(user_id: int) -> Sequence[Overview]:
    """Every source, by name; in a fixed number of queries, however many there are."""
    sources = list_sources()
    accounts = accounts_of_user(user_id)
    holdings, pulls = _holdings(), _last_pulls()
    return [
        Overview(
            source,
            health(source, accounts.get(source.id)),
            holdings.get(source.id, Holding()),
            accounts.get(source.id),
            pulls.get(source.id),
        )
        for source in sources
    ]


def overview_of(source: Source, user_id: int) -> Overview:
    return next(one for one in overview(user_id) if one.source.id == source.id)


def account_on(source_id: int, user_id: int) -> SourceAccount | None:
    return db.session.scalar(
        select(SourceAccount).where(
            SourceAccount.source_id == source_id, SourceAccount.user_id == user_id
        )
    )


def names_with_accounts(source_id: int) -> Sequence[tuple[str, SourceAccount]]:
    """Everyone who has an account on the source, by name."""
    rows = db.session.execute(
        select(User.name, SourceAccount)
        .join(User, User.id == SourceAccount.user_id)
        .where(SourceAccount.source_id == source_id)
        .order_by(User.name_key)
    )
    return [(name, account) for name, account in rows]


def list_unmatched(source_id: int, *, after: int = 0, limit: int = 50) -> Sequence[UnmatchedItem]:
    """Return what nobody could tell on this source, by folder; those after the item with the id
    `after`.
    """
    query = select(UnmatchedItem).where(UnmatchedItem.source_id == source_id)
    last = db.session.get(UnmatchedItem, after)
    if last is not None:
        here = tuple_(UnmatchedItem.folder, UnmatchedItem.id)
        query = query.where(here > tuple_(literal(last.folder), literal(last.id)))
    return db.session.scalars(
        query.order_by(UnmatchedItem.folder, UnmatchedItem.id).limit(limit)
    ).all()


def was_read(source_id: int) -> bool:
    """Return whether a reading of the source has ended, so that what it did not recognise is known."""
    done = select(Pull.id).where(
        Pull.source_id == source_id, Pull.status == "done", ~Pull.is_preview
    )
    return db.session.scalar(done.limit(1)) is not None


def accounts_of_user(user_id: int) -> dict[int, SourceAccount]:
    rows = db.session.scalars(select(SourceAccount).where(SourceAccount.user_id == user_id))
    return {account.source_id: account for account in rows}


def _holdings() -> dict[int, Holding]:
    items = select(
        SourceItem.source_id,
        func.count(SourceItem.media_item_id.distinct()),
        func.count(SourceItem.episode_id.distinct()),
    )
    held = {row[0]: row for row in db.session.execute(items.group_by(SourceItem.source_id))}
    unmatched = select(UnmatchedItem.source_id, func.count()).group_by(UnmatchedItem.source_id)
    unknown = dict(db.session.execute(unmatched).all())
    return {
        source_id: Holding(*held.get(source_id, (source_id, 0, 0))[1:], unknown.get(source_id, 0))
        for source_id in held.keys() | unknown.keys()
    }


def _last_pulls() -> dict[int, Pull]:
    latest = select(func.max(Pull.id)).group_by(Pull.source_id)
    return {
        pull.source_id: pull for pull in db.session.scalars(select(Pull).where(Pull.id.in_(latest)))
    }
