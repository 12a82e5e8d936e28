"""What one event of a server means: whose it is, of which title, and what it changes here. Nothing here commits."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import select

from mydia_web.backends.base import RemoteItem, RemoteState
from mydia_web.backends.events import Event
from mydia_web.clock import now
from mydia_web.db import db, lock_library
from mydia_web.library.models import Content, Episode, MediaItem
from mydia_web.playback.acts import Act
from mydia_web.sources import playing
from mydia_web.sources.clocks import by_our_clock
from mydia_web.sources.models import Source, SourceAccount, SourceItem
from mydia_web.sources.states import Base, states_of
from mydia_web.sync.inbound.ledger import SAME_PLAY
from mydia_web.sync.inbound.matching import Matcher, Unmatched
from mydia_web.sync.inbound.merging import AccountMerge
from mydia_web.sync.inbound.report import Report


class NoNews(Exception):
    """Nothing is to be done, for the reason given."""


def apply_event(source: Source, event: Event, received_at: datetime, *, account_id: int | None = None) -> str:
    """Take over what the event says; what was done, in words. Raises `NoNews`.

    `account_id` is whose news it is where that is known; else the event tells.
    """
    if event.action in ("test", "other") or event.item is None:
        raise NoNews("A test: the address works." if event.action == "test" else "Nothing about watching.")
    if event.server_id and source.server_id and _plain(event.server_id) != _plain(source.server_id):
        raise NoNews("It speaks of another server.")
    account = _account(source, event) if account_id is None else _known_account(account_id)
    report = Report()
    copy, content = _copy(source, event.item)
    at = by_our_clock(source, event.at) if event.at else received_at
    with Act(account.user_id, "webhook", source_id=source.id, at=at) as act:
        merging = AccountMerge(act, source, account.id, report)
        if copy is None:
            merging.take_report(content, _theirs(event, event.item, None, received_at), event.item)
            return report.news
        base = states_of(account.id, [copy.id]).get(copy.id)
        if base and event.at and (event.at < (base.told_at or event.at) or at < base.seen_at):
            return _play_of_before(merging, content, event)
        _note_session(account, copy, event)
        return _merge(merging, copy, content, event, base, received_at)


def _merge(
    merging: AccountMerge,
    copy: SourceItem,
    content: Content,
    event: Event,
    base: Base | None,
    received_at: datetime,
) -> str:
    assert event.item is not None
    theirs = _theirs(event, event.item, base, received_at)
    if theirs is None:
        return "It plays." if event.action in ("playing", "paused") else "It has stopped."
    item, is_play = replace(event.item, state=theirs), event.action == "played"
    merging.take_event(copy, item, content, received_at, told_at=event.at, is_play=is_play)
    return merging.report.news


def _play_of_before(merging: AccountMerge, content: Content, event: Event) -> str:
    """Newer news of the title have come: but that it was finished is history."""
    assert event.item is not None
    told = event.item.state or RemoteState(watched=True)
    played = replace(told, last_played_at=told.last_played_at or event.at)
    if event.action == "played" and merging.take_play(event.item, played, content, is_shown=False):
        return "1 watched, before what the server has told since."
    raise NoNews("The server has told newer news of it already.")


def _account(source: Source, event: Event) -> SourceAccount:
    """Whose news it is. A source that names nobody speaks of its only account."""
    accounts = db.session.scalars(select(SourceAccount).where(SourceAccount.source_id == source.id)).all()
    named = event.remote_user_id or event.remote_user_name
    for account in accounts:
        by_id = event.remote_user_id and account.remote_user_id == event.remote_user_id
        same_name = account.remote_user_name.casefold() == event.remote_user_name.casefold()
        if by_id or (event.remote_user_name and same_name):
            return account
    if len(accounts) == 1 and (not named or not (accounts[0].remote_user_id or accounts[0].remote_user_name)):
        return accounts[0]
    who = event.remote_user_name or event.remote_user_id or "an unnamed user"
    raise NoNews(f"Nobody here is {who} there.")


def _known_account(account_id: int) -> SourceAccount:
    account = db.session.get(SourceAccount, account_id)
    if account is None:
        raise NoNews("The account it was for was removed.")
    return account


def _copy(source: Source, item: RemoteItem) -> tuple[SourceItem | None, Content]:
    """The item as we know it, or as its ids tell; no copy where the event does not say by what id it is there."""
    known = _known(source, item)
    if known is None:
        lock_library()
        known = _known(source, item)
    if known is not None:
        return known, _content_of(known)
    matcher = Matcher([item])
    try:
        content = matcher.content(item)
    except Unmatched as reason:
        raise NoNews(f"“{item.title}” is not recognised: {reason.message}") from reason
    matcher.keep()
    if not item.remote_id:
        return _copy_of(source, content), content
    copy = SourceItem(source_id=source.id, remote_id=item.remote_id, path=item.path)
    if isinstance(content, Episode):
        copy.episode_id = content.id
    else:
        copy.media_item_id = content.id
    db.session.add(copy)
    db.session.flush()
    return copy, content


def _known(source: Source, item: RemoteItem) -> SourceItem | None:
    here = (SourceItem.source_id == source.id, SourceItem.remote_id == item.remote_id)
    return db.session.scalar(select(SourceItem).where(*here))


def _content_of(known: SourceItem) -> Content:
    if known.episode_id is not None:
        return db.session.get_one(Episode, known.episode_id)
    return db.session.get_one(MediaItem, known.media_item_id)


def _copy_of(source: Source, content: Content) -> SourceItem | None:
    of = (
        SourceItem.episode_id == content.id
        if isinstance(content, Episode)
        else SourceItem.media_item_id == content.id
    )
    query = select(SourceItem).where(SourceItem.source_id == source.id, of)
    return db.session.scalar(query.order_by(SourceItem.id).limit(1))


def _note_session(account: SourceAccount, copy: SourceItem, event: Event) -> None:
    if event.action in ("playing", "paused"):
        position = event.item.state.position_ms if event.item and event.item.state else 0
        is_paused = event.action == "paused"
        playing.note_playing(account.id, copy.id, position, paused=is_paused, device=event.device)
    elif event.action in ("stopped", "played"):
        playing.note_stopped(account.id, copy.id)


def _theirs(event: Event, item: RemoteItem, base: Base | None, received_at: datetime) -> RemoteState | None:
    """The whole state the server now has: what the event tells, and what it does not as it was."""
    was = base.state if base else RemoteState(watched=False)
    told = item.state or RemoteState(watched=False)
    at = told.last_played_at or event.at or received_at
    if event.action == "played":
        return _played(was, at)
    if not (event.tells_watched or event.tells_position):
        return None
    return RemoteState(
        watched=told.watched if event.tells_watched else was.watched,
        position_ms=told.position_ms if event.tells_position else was.position_ms,
        play_count=told.play_count or was.play_count,
        last_played_at=told.last_played_at or (at if event.tells_position else was.last_played_at),
    )


def _played(was: RemoteState, at: datetime) -> RemoteState:
    is_told_twice = was.watched and was.last_played_at and abs(at - was.last_played_at) < SAME_PLAY
    if is_told_twice:
        return was
    return RemoteState(
        watched=True, position_ms=0, play_count=was.play_count + 1, last_played_at=min(at, now())
    )


def _plain(server_id: str) -> str:
    """With or without dashes, in whatever case."""
    return server_id.replace("-", "").casefold()
