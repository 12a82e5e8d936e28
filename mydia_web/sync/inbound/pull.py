"""One pull of one source for one account, page by page: items are stored, then states merged.

Nothing here commits.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import delete, select

from mydia_web.backends.values import LibraryPage, RemoteItem
from mydia_web.clock import now
from mydia_web.db import db, insert_for, lock_library
from mydia_web.library.content import load
from mydia_web.library.models import Content, ContentKey, Episode, MediaItem
from mydia_web.playback.acts import Act
from mydia_web.playback.shows import refresh_shows
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.sources.artwork import artwork_key, remember_artworks
from mydia_web.sources.matching import folder_of
from mydia_web.sources.models import (
    Source,
    SourceAccount,
    SourceItem,
    SourceItemState,
    SourceItemVersion,
    UnmatchedItem,
)
from mydia_web.sources.registry import kinds_that_accept_unlisted
from mydia_web.sync.inbound.known import Listing
from mydia_web.sync.inbound.local_state import lock_contents
from mydia_web.sync.inbound.matching import MatchedItem, Matcher, OtherFileKnown, Unmatched
from mydia_web.sync.inbound.merging import AccountMerge, Removal
from mydia_web.sync.inbound.multi_episode import keep_extra_episodes
from mydia_web.sync.inbound.removals import (
    are_too_many,
    unlisted_states,
    unwatched_lately,
    watched_there,
)
from mydia_web.sync.inbound.report import Report
from mydia_web.sync.inbound.unchanged import Reader, changed_items

#: A title started longer ago than this is not playing any more.
LONGEST_PLAY = timedelta(hours=12)

_Recognised = Sequence[tuple[RemoteItem, Content]]


@dataclass(frozen=True, slots=True)
class Players:
    """What was playing on a source at a time."""

    remote_ids: frozenset[str]
    asked_at: datetime
    #: How far the server's clock may be ahead of ours.
    ahead: timedelta = timedelta()

    def may_play(self, item: RemoteItem) -> bool:
        """Return whether the item was playing then, or was started since.

        A start further in the future than the clocks differ says nothing.
        """
        if item.remote_id in self.remote_ids:
            return True
        started_at = item.state.last_played_at if item.state else None
        return started_at is not None and self.asked_at < started_at <= now() + self.ahead


class AccountPull:
    """Takes in what one source lists for one account; a folder has items, but no account."""

    def __init__(
        self,
        source: Source,
        account: SourceAccount | None,
        report: Report,
        act: Act | None = None,
        *,
        is_complete: bool = False,
    ) -> None:
        self.report = report
        self.account_id = account.id if account else None
        #: How many items were unknown before.
        self.added = 0
        #: Shows with new episodes; their next episodes are brought up to date at the end.
        self.new_shows: set[int] = set()
        #: Asks the server what is playing; None: it cannot tell.
        self.ask_players: Callable[[], Players | None] = lambda: None
        self.act = act
        if account and act is None:
            # One act for all pages and readings of a pull, so that it is undone as a whole.
            self.act = Act(account.user_id, "pull", source_id=source.id)
        self._source = source
        self._source_id = source.id
        #: Everything is being read: what the source shows otherwise than it was told is told again.
        self._is_complete = is_complete
        #: An account service lists what was watched or begun; other kinds list what they have.
        self._is_service = source.kind in kinds_that_accept_unlisted()
        self._listing = Listing(source_id=source.id)
        self._players: Players | None = None
        self._removals: list[Removal] = []
        #: Items that can only be recognised when everything is listed.
        self._late: dict[str, RemoteItem] = {}
        self._problems = 0
        #: When the first page was asked for.
        self._began_at: datetime | None = None
        self._reported_change_set: int | None = None

    @property
    def left_for_the_end(self) -> int:
        """How many items wait for `finish`."""
        return len(self._removals) + len(self._late)

    @property
    def needs_every_page(self) -> bool:
        """Whether items that are not seen count as removed."""
        return self._is_service

    # A page

    def look_at_players(self, page: LibraryPage) -> None:
        """Ask what is playing, where the page has a recent start: its state is not final yet."""
        started = [
            item.state.last_played_at
            for item in page.items
            if item.state and item.state.last_played_at
        ]
        if started and max(started) > now() - LONGEST_PLAY:
            self._players = self.ask_players()

    def changes_on(self, page: LibraryPage) -> LibraryPage:
        """Return the page without its unchanged items. Writes nothing and locks nothing."""
        self._listing.note(page.items)
        user_id = self.act.user_id if self.act else None
        reader = Reader(self._source_id, self.account_id, user_id)
        return replace(page, items=changed_items(reader, page.items))

    def take(self, page: LibraryPage, asked_at: datetime) -> None:
        """Store and merge one page that was asked for at `asked_at`."""
        self._began_at = self._began_at or asked_at
        self.report.began_at = self.report.began_at or asked_at
        self.report.done = page.done
        self.report.total = page.total
        self.report.problems += page.problems
        self._problems += len(page.problems)
        self._listing.note(page.items)
        if page.items:
            self._take_items(page.items, asked_at)

    def _take_items(self, items: Sequence[RemoteItem], asked_at: datetime) -> None:
        copies = self._copies_of(items)
        if any(item.remote_id not in copies for item in items):
            lock_library()
            copies = self._copies_of(items)
        recognised = self._recognise(items, copies)
        self._lock([content for _, content in recognised])
        self._keep_artwork(recognised)
        matched = self._keep_copies(recognised, copies)
        self.new_shows.update(keep_extra_episodes(matched, asked_at))
        self._merge(matched, asked_at)

    def _copies_of(self, items: Sequence[RemoteItem]) -> dict[str, SourceItem]:
        """Return the stored copies by remote id."""
        query = select(SourceItem).where(
            SourceItem.source_id == self._source_id,
            SourceItem.remote_id.in_([item.remote_id for item in items]),
        )
        return {copy.remote_id: copy for copy in db.session.scalars(query)}

    def _lock(self, contents: Sequence[Content]) -> None:
        """Lock titles before anything of the user's is read or changed."""
        if self.act is not None:
            lock_contents(self.act.user_id, contents)

    def _merge(self, matched: Sequence[MatchedItem], asked_at: datetime) -> None:
        if self.act is None or self.account_id is None:
            return
        players = self._players
        if players is not None:
            matched = [match for match in matched if not players.may_play(match.item)]
        with self.act as act:
            merge = AccountMerge(act, self._source, self.account_id, self.report)
            self._removals += merge.merge_page(matched, asked_at, is_complete=self._is_complete)

    # What the items are

    def _recognise(self, items: Sequence[RemoteItem], copies: dict[str, SourceItem]) -> _Recognised:
        """Return the items with their contents, which are added where they are new."""
        matcher = Matcher(items, self._listing, copies)
        recognised = []
        # A server that lists one of its ids twice means the same item.
        by_id = {item.remote_id: item for item in items}
        for item in by_id.values():
            try:
                content = _matched_by_hand(copies.get(item.remote_id)) or matcher.content(item)
                recognised.append((item, content))
            except OtherFileKnown:
                self._late[item.remote_id] = item
            except Unmatched as reason:
                self._note_unmatched(item, reason.message)
                self._forget_copy(copies.pop(item.remote_id, None))
        matcher.keep()
        if self._is_service:
            return self._without_second_entries(recognised, copies)
        return recognised

    def _without_second_entries(
        self, recognised: _Recognised, copies: dict[str, SourceItem]
    ) -> _Recognised:
        """Drop an account service's second entry of a title: a play told to both would be two."""
        entries = self._entries_in_use([content for _, content in recognised])
        kept = []
        for item, content in recognised:
            if entries.setdefault(content.key, item.remote_id) == item.remote_id:
                kept.append((item, content))
                continue
            self._note_unmatched(
                item, f"It is a second entry of “{item.title}”, of which another one is used."
            )
            self._forget_copy(copies.pop(item.remote_id, None))
        return kept

    def _entries_in_use(self, contents: Sequence[Content]) -> dict[ContentKey, str]:
        """Return the remote id of the entry that was known first, by content."""
        keys = [content.key for content in contents]
        rows = db.session.execute(
            select(SourceItem.media_item_id, SourceItem.episode_id, SourceItem.remote_id)
            .where(SourceItem.source_id == self._source_id, SourceItem.of_any(keys))
            .order_by(SourceItem.id.desc())
        )
        return {ContentKey.from_columns(*columns): remote_id for *columns, remote_id in rows}

    def _note_unmatched(self, item: RemoteItem, reason: str) -> None:
        if item.remote_id not in self.report.unmatched_ids:
            self.report.unmatched_ids.add(item.remote_id)
            self.report.unmatched += 1
        values = {
            "title": item.title or item.path or item.remote_id,
            "reason": reason,
            "path": item.path,
            "folder": folder_of(item.path),
            "season_number": item.season_number,
            "episode_number": item.episode_number,
            "seen_at": now(),
        }
        row = insert_for(UnmatchedItem).values(
            source_id=self._source_id, remote_id=item.remote_id, **values
        )
        db.session.execute(
            row.on_conflict_do_update(index_elements=["source_id", "remote_id"], set_=values)
        )

    # Copies

    def _keep_copies(
        self, recognised: _Recognised, copies: dict[str, SourceItem]
    ) -> Sequence[MatchedItem]:
        matched = []
        new_contents = []
        self._forget_states_of_moved(recognised, copies)
        for item, content in recognised:
            copy = self._same_copy(copies.get(item.remote_id), item, content)
            if copy is None:
                copy = self._add_copy(item, content)
                copies[item.remote_id] = copy
                new_contents.append(content)
            matched.append(MatchedItem(copy, item, content))
        db.session.flush()
        self._keep_versions(matched)
        if new_contents:
            self._welcome(new_contents)
        return matched

    def _forget_states_of_moved(
        self, recognised: _Recognised, copies: Mapping[str, SourceItem]
    ) -> None:
        """Forget what an id showed for another file: a state that starts anew unwatches nothing."""
        moved = []
        for item, _ in recognised:
            copy = copies.get(item.remote_id)
            if copy is None or not copy.path or not item.path:
                continue
            if copy.path != item.path:
                moved.append(copy.id)
        if moved:
            db.session.execute(
                delete(SourceItemState).where(SourceItemState.source_item_id.in_(moved))
            )

    def _same_copy(
        self, copy: SourceItem | None, item: RemoteItem, content: Content
    ) -> SourceItem | None:
        """Return the stored copy with its present path; None: it is new, or another title's now."""
        if copy is None:
            return None
        if copy.content_key == content.key:
            if copy.path != item.path:
                copy.path = item.path
            return copy
        # The server has given its id to another title, of which the old states say nothing.
        self._forget_copy(copy)
        return None

    def _add_copy(self, item: RemoteItem, content: Content) -> SourceItem:
        self.added += 1
        copy = SourceItem(source_id=self._source_id, remote_id=item.remote_id, path=item.path)
        copy.set_content(content)
        db.session.add(copy)
        return copy

    def _forget_copy(self, copy: SourceItem | None) -> None:
        if copy is not None:
            db.session.execute(delete(SourceItem).where(SourceItem.id == copy.id))
            db.session.expunge(copy)

    def _keep_versions(self, matched: Sequence[MatchedItem]) -> None:
        """Store the ids of further files of a title, for events that name only those."""
        rows = [
            {"source_id": self._source_id, "remote_id": version, "source_item_id": match.copy.id}
            for match in matched
            for version in match.item.versions
        ]
        if rows:
            insert = insert_for(SourceItemVersion)
            newest = insert.on_conflict_do_update(
                index_elements=["source_id", "remote_id"],
                set_={"source_item_id": insert.excluded.source_item_id},
            )
            db.session.execute(newest, rows)

    def _welcome(self, contents: Sequence[Content]) -> None:
        """Retry pushes that waited for these titles to appear on the source; note their shows."""
        self.new_shows.update(
            content.media_item_id for content in contents if isinstance(content, Episode)
        )
        keys = [content.key for content in contents]
        PlaybackSyncRepository().retry_unmatched(self._source_id, keys)

    def _keep_artwork(self, recognised: _Recognised) -> None:
        urls: set[str] = set()
        for item, content in recognised:
            urls |= self._use_artwork(content, item.artwork_url)
            if item.show and item.show.artwork_url and isinstance(content, Episode):
                show = db.session.get_one(MediaItem, content.media_item_id)
                urls |= self._use_artwork(show, item.show.artwork_url)
        remember_artworks(self._source_id, urls)

    def _use_artwork(self, content: Content, url: str) -> set[str]:
        """Give the content its picture; return its address if it is new."""
        if not url or content.artwork_key:
            return set()
        content.artwork_key = artwork_key(self._source_id, url)
        return {url}

    # The end

    def finish(self, *, is_whole: bool = True) -> None:
        """Take what waited for the end, removals last: too many at once wait for a person.

        `is_whole`: everything was read.
        """
        self._take_late(is_whole=is_whole)
        if is_whole:
            self._take_unlisted()
        if self._removals:
            self._take_removals()
        refresh_shows(self.new_shows)
        if is_whole:
            self._forget_unmatched()

    def _take_late(self, *, is_whole: bool) -> None:
        """Take the late items. What a partial listing leaves out may still be there."""
        self._listing.is_whole = is_whole
        self._listing.is_at_end = True
        late = list(self._late.values())
        self._late.clear()
        if late:
            self._take_items(late, self._began_at or now())

    def _take_unlisted(self) -> None:
        """Take as unwatched what an account service lists no more.

        Unreadable entries look the same, so with any of them nothing is taken.
        """
        can_tell = self._is_service and not self._problems
        if not can_tell or self.account_id is None or self._began_at is None:
            return
        listed = self._listing.remote_ids
        pages = list(unlisted_states(self._source_id, self.account_id, listed, self._began_at))
        contents = [removal.content for removal in self._removals]
        for page in pages:
            contents += [match.content for match in page]
        self._lock(contents)
        for page in pages:
            self._merge(page, self._began_at)

    def _take_removals(self) -> None:
        assert self.account_id is not None
        assert self.act is not None
        report = self.report
        is_decided = report.takes_removals or report.keeps_ours
        if not is_decided and self._has_too_many_removals(self.account_id, self.act.user_id):
            report.held_back += len(self._removals)
            return
        began_at = self._began_at or now()
        with self.act as act:
            merge = AccountMerge(act, self._source, self.account_id, report)
            if report.keeps_ours:
                merge.keep_ours(self._removals, began_at)
            else:
                merge.unwatch(self._removals, began_at)

    def _has_too_many_removals(self, account_id: int, user_id: int) -> bool:
        return are_too_many(
            len(self._removals),
            read=self.report.done,
            watched_there=watched_there(account_id),
            just_taken=unwatched_lately(user_id, self._source_id),
        )

    def _forget_unmatched(self) -> None:
        """Forget unmatched items that this reading did not meet again: they are matched or gone."""
        is_stale = UnmatchedItem.seen_at < (self.report.began_at or now())
        db.session.execute(
            delete(UnmatchedItem).where(UnmatchedItem.source_id == self._source_id, is_stale)
        )

    def take_change_sets(self) -> list[int]:
        """Return the id of the change set, unless an earlier call has returned it."""
        change_set_id = self.act.change_set_id if self.act else None
        if change_set_id is None or change_set_id == self._reported_change_set:
            return []
        self._reported_change_set = change_set_id
        return [change_set_id]


def _matched_by_hand(copy: SourceItem | None) -> Content | None:
    """Return what a person said the copy is."""
    if copy is None or not copy.matched_by_hand:
        return None
    return load(copy.content_key)
