"""What one event of a server means: whose it is, and of which title. Nothing here commits."""

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
from mydia_web.sync.inbound.listing import Listing
from mydia_web.sync.inbound.live import LiveNews, NoNews, UnknownTitle, told_state
from mydia_web.sync.inbound.matching import Matcher, Unmatched
from mydia_web.sync.inbound.merging import AccountMerge
from mydia_web.sync.inbound.report import Report


def apply_event(
    source: Source, event: Event, received_at: datetime, *, account_id: int | None = None
) -> str:
    """Take over what the event says; what was done, in words. Raises `NoNews` and `PushUnderWay`.

    `account_id` is whose news it is where that is known; else the event tells.
    """
    if event.action in ("test", "other") or event.item is None:
        raise NoNews(
            "A test: the address works." if event.action == "test" else "Nothing about watching."
        )
    if event.server_id and source.server_id and _plain(event.server_id) != _plain(source.server_id):
        raise NoNews("It speaks of another server.")
    account = _account(source, event) if account_id is None else _known_account(account_id)
    copy, content = _copy(source, event.item)
    lock_titles([(account.user_id, content.title_id)])
    at = by_our_clock(source, event.at) if event.at else received_at
    with Act(account.user_id, "webhook", source_id=source.id, at=at) as act:
        merge = AccountMerge(act, source, account.id, Report())
        if copy is None:
            return _take_report(merge, content, event)
        return LiveNews(merge, account.id, copy, content, event).take(received_at)


def take_silent() -> int:
    """Take over what was last heard of players that have gone silent; how many."""
    sessions = silent_sessions()
    for session in sessions:
        session.taken_at = now()
        account = db.session.get_one(SourceAccount, session.source_account_id)
        source = db.session.get_one(Source, account.source_id)
        copy = db.session.get_one(SourceItem, session.source_item_id)
        content = load(copy.content_key)
        item = RemoteItem(copy.remote_id, content.content_kind, content.title)
        event = Event("stopped", "silence", item=item, is_playing=False)
        lock_titles([(account.user_id, content.title_id)])
        with Act(account.user_id, "webhook", source_id=source.id, at=session.seen_at) as act:
            merge = AccountMerge(act, source, account.id, Report())
            LiveNews(merge, account.id, copy, content, event).take_silence(session)
    return len(sessions)


def _take_report(merge: AccountMerge, content: Content, event: Event) -> str:
    """Take over news of a title of which nobody knows a copy on the source."""
    assert event.item is not None
    if event.action in ("playing", "paused"):
        return "It plays."
    merge.take_report(content, told_state(event, None, merge.at), event.item)
    return merge.report.news


def _account(source: Source, event: Event) -> SourceAccount:
    """Whose news it is. A source that names nobody speaks of its only account."""
    accounts = db.session.scalars(
        select(SourceAccount).where(SourceAccount.source_id == source.id)
    ).all()
    named = event.remote_user_id or event.remote_user_name
    for account in accounts:
        by_id = event.remote_user_id and account.remote_user_id == event.remote_user_id
        # Until the server has said who it is, there is what was typed.
        name = account.remote_user_name or account.remote_user_id
        same_name = is_same_name(name, event.remote_user_name)
        if by_id or (event.remote_user_name and same_name):
            return account
    if len(accounts) == 1 and (
        not named or not (accounts[0].remote_user_id or accounts[0].remote_user_name)
    ):
        return accounts[0]
    who = event.remote_user_name or event.remote_user_id or "an unnamed user"
    raise NoNews(f"Nobody here is {who} there.")


def _known_account(account_id: int) -> SourceAccount:
    account = db.session.get(SourceAccount, account_id)
    if account is None:
        raise NoNews("The account it was for was removed.")
    return account


def _copy(source: Source, item: RemoteItem) -> tuple[SourceItem | None, Content]:
    """The item as we know it, or as its ids tell; no copy where the event does not say by what id
    it is there.
    """
    known = _known(source, item)
    if known is None:
        lock_library()
        known = _known(source, item)
    if known is not None:
        return known, load(known.content_key)
    # Without an id of the server it is of a file that is known; with an unknown one it may be of
    # another.
    matcher = Matcher([item], Listing(source.id, is_whole=not item.remote_id), is_event=True)
    try:
        content = matcher.content(item)
    except Unmatched as reason:
        raise UnknownTitle(
            f"“{item.title or item.remote_id}” is not recognised: {reason.message}"
        ) from reason
    matcher.keep()
    listed = _copy_of(source, content)
    if not item.remote_id:
        return listed, content
    if listed is not None and backend_class(source.kind).traits.has_versions:
        db.session.add(
            SourceItemVersion(
                source_id=source.id, remote_id=item.remote_id, source_item_id=listed.id
            )
        )
        return listed, content
    copy = SourceItem(source_id=source.id, remote_id=item.remote_id, path=item.path)
    copy.set_content(content)
    db.session.add(copy)
    db.session.flush()
    return copy, content


def _known(source: Source, item: RemoteItem) -> SourceItem | None:
    """Return the item of that id, or the one of which it is a version."""
    if not item.remote_id:
        return None
    here = (SourceItem.source_id == source.id, SourceItem.remote_id == item.remote_id)
    found: SourceItem | None = db.session.scalar(select(SourceItem).where(*here))
    if found is not None:
        return found
    version = db.session.get(SourceItemVersion, (source.id, item.remote_id))
    return db.session.get(SourceItem, version.source_item_id) if version else None


def _copy_of(source: Source, content: Content) -> SourceItem | None:
    query = select(SourceItem).where(SourceItem.source_id == source.id, SourceItem.of(content))
    return db.session.scalar(query.order_by(SourceItem.id).limit(1))


def _plain(server_id: str) -> str:
    """Return the id as it is written without dashes, in lower case."""
    return server_id.replace("-", "").casefold()
