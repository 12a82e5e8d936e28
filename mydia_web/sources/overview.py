"""Sources as a person sees them: their health, what they hold, and who is signed in there."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, literal, select, tuple_

from mydia_web.accounts.models import User
from mydia_web.backends.http import Address
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
    """The number of titles that a source holds, however many copies it has of each."""

    films: int = 0
    episodes: int = 0
    unmatched: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """One source with everything its card shows."""

    source: Source
    health: Health
    holding: Holding
    #: The account of the person who looks at the page.
    account: SourceAccount | None
    last_pull: Pull | None

    @property
    def traits(self) -> Traits:
        return backend_class(self.source.kind).traits

    @property
    def is_resolved(self) -> bool:
        """Return whether the server confirmed who the account is."""
        return self.account is None or is_resolved(self.source, self.account)

    @property
    def clock(self) -> str:
        """Return how far its clock is off, in words; "" if that does not matter."""
        return clock_words(self.source.clock_skew_ms)

    @property
    def address(self) -> str:
        """Return the address without a sign-in in it."""
        if self.traits.address == "folder":
            return self.source.base_url
        return Address.parse(self.source.base_url).url


def overview(user_id: int) -> Sequence[Overview]:
    """Return every source by name, with a fixed number of queries."""
    accounts = accounts_of_user(user_id)
    holdings = _holdings()
    pulls = _last_pulls()
    return [
        Overview(
            source=source,
            health=health(source, accounts.get(source.id)),
            holding=holdings.get(source.id, Holding()),
            account=accounts.get(source.id),
            last_pull=pulls.get(source.id),
        )
        for source in list_sources()
    ]


def overview_of(source: Source, user_id: int) -> Overview:
    return next(found for found in overview(user_id) if found.source.id == source.id)


def account_on(source_id: int, user_id: int) -> SourceAccount | None:
    return db.session.scalar(
        select(SourceAccount).where(
            SourceAccount.source_id == source_id, SourceAccount.user_id == user_id
        )
    )


def names_with_accounts(source_id: int) -> Sequence[tuple[str, SourceAccount]]:
    """Return everyone who has an account on the source, by name."""
    rows = db.session.execute(
        select(User.name, SourceAccount)
        .join(User, User.id == SourceAccount.user_id)
        .where(SourceAccount.source_id == source_id)
        .order_by(User.name_key)
    )
    return [(name, account) for name, account in rows]


def list_unmatched(source_id: int, *, after: int = 0, limit: int = 50) -> Sequence[UnmatchedItem]:
    """Return the unrecognised items of a source by folder, from behind the item `after` on."""
    query = select(UnmatchedItem).where(UnmatchedItem.source_id == source_id)
    last = db.session.get(UnmatchedItem, after)
    if last is not None:
        here = tuple_(UnmatchedItem.folder, UnmatchedItem.id)
        query = query.where(here > tuple_(literal(last.folder), literal(last.id)))
    return db.session.scalars(
        query.order_by(UnmatchedItem.folder, UnmatchedItem.id).limit(limit)
    ).all()


def was_read(source_id: int) -> bool:
    """Return whether the source was read to its end, so that its unrecognised items are known."""
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
    rows = db.session.execute(items.group_by(SourceItem.source_id))
    held = {source_id: (films, episodes) for source_id, films, episodes in rows}
    unmatched = select(UnmatchedItem.source_id, func.count()).group_by(UnmatchedItem.source_id)
    unrecognised = dict(db.session.execute(unmatched).all())
    holdings: dict[int, Holding] = {}
    for source_id in held.keys() | unrecognised.keys():
        films, episodes = held.get(source_id, (0, 0))
        holdings[source_id] = Holding(films, episodes, unrecognised.get(source_id, 0))
    return holdings


def _last_pulls() -> dict[int, Pull]:
    latest = select(func.max(Pull.id)).group_by(Pull.source_id)
    return {
        pull.source_id: pull for pull in db.session.scalars(select(Pull).where(Pull.id.in_(latest)))
    }
