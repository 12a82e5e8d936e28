"""Events of a server: whose they are, and which title they are about. Nothing here commits."""

from datetime import datetime

from sqlalchemy import select

from mydia_web.backends.values import Event, RemoteItem
from mydia_web.clock import now
from mydia_web.db import db, lock_library, lock_titles
from mydia_web.library.content import load
from mydia_web.library.models import Content
from mydia_web.names import is_same_name
from mydia_web.playback.acts import Act
from mydia_web.sources.clocks import by_our_clock
from mydia_web.sources.models import Source, SourceAccount, SourceItem, SourceItemVersion
from mydia_web.sources.playing import silent_sessions
from mydia_web.sources.registry import backend_class
from mydia_web.sync.inbound.known import Listing
from mydia_web.sync.inbound.live import EventApplier, NothingToDo, UnknownTitle, told_state
from mydia_web.sync.inbound.matching import Matcher, Unmatched
from mydia_web.sync.inbound.merging import AccountMerge
from mydia_web.sync.inbound.report import Report


def apply_event(
    source: Source, event: Event, received_at: datetime, *, account_id: int | None = None
) -> str:
    """Take over an event; return in words what was done. Raise `NothingToDo` or `PushUnderWay`.

    `account_id`: the account it is for, where that is known; otherwise the event names it.
    """
    item = _item_of(source, event)
    account = _find_account(source, event, account_id)
    copy, content = _find_copy(source, item)
    lock_titles([(account.user_id, content.title_id)])
    at = by_our_clock(source, event.at) if event.at else received_at
    with Act(account.user_id, "webhook", source_id=source.id, at=at) as act:
        merge = AccountMerge(act, source, account.id, Report())
        if copy is None:
            return _take_report(merge, content, event, item)
        return EventApplier(merge, account.id, copy, content, event, item).apply(received_at)


def take_silent() -> int:
    """Take over the last state of players that have gone silent; return how many."""
    sessions = silent_sessions()
    for session in sessions:
        session.taken_at = now()
        account = db.session.get_one(SourceAccount, session.source_account_id)
        source = db.session.get_one(Source, account.source_id)
        copy = db.session.get_one(SourceItem, session.source_item_id)
        content = load(copy.content_key)
        item = RemoteItem(remote_id=copy.remote_id, kind=content.content_kind, title=content.title)
        event = Event(action="stopped", name="silence", item=item, is_playing=False)
        lock_titles([(account.user_id, content.title_id)])
        with Act(account.user_id, "webhook", source_id=source.id, at=session.seen_at) as act:
            merge = AccountMerge(act, source, account.id, Report())
            applier = EventApplier(merge, account.id, copy, content, event, item)
            applier.apply_silence(session)
    return len(sessions)


def _item_of(source: Source, event: Event) -> RemoteItem:
    """Return the item the event is about. Raise `NothingToDo`."""
    if event.action == "test":
        raise NothingToDo("A test: the address works.")
    if event.action == "other" or event.item is None:
        raise NothingToDo("Nothing about watching.")
    if not _is_from(source, event):
        raise NothingToDo("It speaks of another server.")
    return event.item


def _is_from(source: Source, event: Event) -> bool:
    if not event.server_id or not source.server_id:
        return True
    return _normalised(event.server_id) == _normalised(source.server_id)


def _normalised(server_id: str) -> str:
    """Return the id without dashes, in lower case."""
    return server_id.replace("-", "").casefold()


def _take_report(merge: AccountMerge, content: Content, event: Event, item: RemoteItem) -> str:
    """Take over an event about a title without a known copy on the source."""
    if event.action in ("playing", "paused"):
        return "It plays."
    merge.take_report(content, told_state(event, None, merge.at), item)
    return merge.report.news


# Whose it is


def _find_account(source: Source, event: Event, account_id: int | None) -> SourceAccount:
    if account_id is None:
        return _account_named(source, event)
    account = db.session.get(SourceAccount, account_id)
    if account is None:
        raise NothingToDo("The account it was for was removed.")
    return account


def _account_named(source: Source, event: Event) -> SourceAccount:
    """Return the account that the event names. Raise `NothingToDo`.

    An event that names nobody is for the only account of its source.
    """
    query = select(SourceAccount).where(SourceAccount.source_id == source.id)
    accounts = db.session.scalars(query).all()
    for account in accounts:
        if _is_named(account, event):
            return account
    if len(accounts) == 1:
        [only] = accounts
        names_nobody = not event.remote_user_id and not event.remote_user_name
        is_nameless = not only.remote_user_id and not only.remote_user_name
        if names_nobody or is_nameless:
            return only
    who = event.remote_user_name or event.remote_user_id or "an unnamed user"
    raise NothingToDo(f"Nobody here is {who} there.")


def _is_named(account: SourceAccount, event: Event) -> bool:
    if event.remote_user_id and event.remote_user_id == account.remote_user_id:
        return True
    # Until the server has told the id, the account has the name that was typed instead.
    name = account.remote_user_name or account.remote_user_id
    return bool(event.remote_user_name) and is_same_name(name, event.remote_user_name)


# Which title it is


def _find_copy(source: Source, item: RemoteItem) -> tuple[SourceItem | None, Content]:
    """Return the item's copy and content, added where they are new. Raise `UnknownTitle`.

    There is no copy where the event does not tell the item's id on the server.
    """
    copy = _stored_copy(source, item)
    if copy is None:
        lock_library()
        copy = _stored_copy(source, item)
    if copy is not None:
        return copy, load(copy.content_key)
    content = _recognise(source, item)
    listed = _copy_of(source, content)
    if not item.remote_id:
        return listed, content
    if listed is not None and backend_class(source.kind).traits.has_versions:
        version = SourceItemVersion(
            source_id=source.id, remote_id=item.remote_id, source_item_id=listed.id
        )
        db.session.add(version)
        return listed, content
    copy = SourceItem(source_id=source.id, remote_id=item.remote_id, path=item.path)
    copy.set_content(content)
    db.session.add(copy)
    db.session.flush()
    return copy, content


def _stored_copy(source: Source, item: RemoteItem) -> SourceItem | None:
    """Return the copy of that id, or the one of which it is a further file."""
    if not item.remote_id:
        return None
    query = select(SourceItem).where(
        SourceItem.source_id == source.id, SourceItem.remote_id == item.remote_id
    )
    copy: SourceItem | None = db.session.scalar(query)
    if copy is not None:
        return copy
    version = db.session.get(SourceItemVersion, (source.id, item.remote_id))
    return db.session.get(SourceItem, version.source_item_id) if version else None


def _recognise(source: Source, item: RemoteItem) -> Content:
    # An item without an id of the server has a file that is known; with an unknown id it may have
    # another one.
    listing = Listing(source_id=source.id, is_whole=not item.remote_id)
    matcher = Matcher([item], listing, is_event=True)
    try:
        content = matcher.content(item)
    except Unmatched as reason:
        name = item.title or item.remote_id
        raise UnknownTitle(f"“{name}” is not recognised: {reason.message}") from reason
    matcher.keep()
    return content


def _copy_of(source: Source, content: Content) -> SourceItem | None:
    query = select(SourceItem).where(SourceItem.source_id == source.id, SourceItem.of(content))
    return db.session.scalar(query.order_by(SourceItem.id).limit(1))
