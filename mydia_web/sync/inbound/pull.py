"""News from a source: its library becomes ours, its watch state is merged, a page at a time.
Nothing here commits.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import delete, select

from mydia_web.backends.values import LibraryPage, RemoteItem
from mydia_web.clock import now
from mydia_web.db import db, insert_for, lock_library
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
from mydia_web.sync.inbound.listing import Listing
from mydia_web.sync.inbound.local_state import lock_contents
from mydia_web.sync.inbound.matching import Matcher, OtherFileKnown, Unmatched
from mydia_web.sync.inbound.merging import AccountMerge
from mydia_web.sync.inbound.multi_episode import keep_extra_episodes
from mydia_web.sync.inbound.removals import (
    are_too_many,
    unlisted_states,
    unwatched_lately,
    watched_there,
)
from mydia_web.sync.inbound.report import Report
from mydia_web.sync.inbound.unchanged import Reader, changed_items

#: What was begun before this is not being played any more.
LONGEST_PLAY = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Players:
    """What was being played on a source at a time."""

    remote_ids: frozenset[str]
    asked_at: datetime
    #: How far the server's clock may go ahead of ours.
    ahead: timedelta = timedelta()

    def may_play(self, item: RemoteItem) -> bool:
        """Return whether it was being played then, or was begun since. A date further ahead says
        nothing of that.
        """
        if item.remote_id in self.remote_ids:
            return True
        began_at = item.state.last_played_at if item.state else None
        return began_at is not None and self.asked_at < began_at <= now() + self.ahead


class PullOf:
    """One pull of one source for one account (none for a source without people, such as a folder)."""

    def __init__(
        self, source: Source, account: SourceAccount | None, report: Report, act: Act | None = None
    ) -> None:
        self.report = report
        self.account_id = account.id if account else None
        #: How many items were not known before.
        self.added = 0
        self._source = source
        self._source_id = source.id
        #: One act for all pages, and all readings of a pull: what it brings a user is undone whole.
        self.act = act or (Act(account.user_id, "pull", source_id=source.id) if account else None)
        self._told_change_set: int | None = None
        self._removals: list[tuple[int, RemoteItem, Content]] = []
        #: Shows that got new episodes; what to watch next in them is brought up to date at the end.
        self.new_shows: set[int] = set()
        #: When the first page was asked for.
        self._began_at: datetime | None = None
        self._listing = Listing(source.id)
        #: An account service lists what was watched or begun; other kinds list what they have.
        self._is_service = source.kind in kinds_that_accept_unlisted()
        #: Items that nobody can tell before everything is listed.
        self._late: dict[str, RemoteItem] = {}
        self._problems = 0
        #: Everything is being read: what the source shows otherwise than it was told is told again.
        self.is_complete = False
        #: How to ask what is being played there; it may say that it cannot tell.
        self.ask_players: Callable[[], Players | None] = lambda: None
        self._players: Players | None = None

    def look_at_players(self, page: LibraryPage) -> None:
        """Ask what is being played, where something on the page was begun lately: that is not the
        last word on it.
        """
        began = [
            one.state.last_played_at for one in page.items if one.state and one.state.last_played_at
        ]
        if began and max(began) > now() - LONGEST_PLAY:
            self._players = self.ask_players()

    @property
    def left_for_the_end(self) -> int:
        """How much of what was found waits for `finish`."""
        return len(self._removals) + len(self._late)

    @property
    def needs_every_page(self) -> bool:
        """Whether what it does not see counts as removed."""
        return self._is_service

    def changes_on(self, page: LibraryPage) -> LibraryPage:
        """Return the page without what is on it as it was. Nothing is written, and nothing locked."""
        self._listing.note(page.items)
        reader = Reader(self._source_id, self.account_id, self.act.user_id if self.act else None)
        return replace(page, items=changed_items(reader, page.items))

    def take(self, page: LibraryPage, asked_at: datetime) -> None:
        """Merge one page, which was asked for at `asked_at`."""
        self._began_at = self._began_at or asked_at
        self.report.began_at = self.report.began_at or asked_at
        self.report.done, self.report.total = page.done, page.total
        self.report.problems += page.problems
        self._problems += len(page.problems)
        self._listing.note(page.items)
        if page.items:
            self._take_items(page.items, asked_at)

    def _take_items(self, items: Sequence[RemoteItem], asked_at: datetime) -> None:
        known = self._known_items(items)
        if any(item.remote_id not in known for item in items):
            lock_library()
            known = self._known_items(items)
        found = self._recognised(items, known)
        self._lock([content for _, content in found])
        self._keep_artwork(found)
        kept = self._keep_items(found, known)
        self.new_shows.update(keep_extra_episodes(kept, asked_at))
        self._merge(kept, asked_at)

    def _lock(self, contents: Sequence[Content]) -> None:
        """Lock titles before anything of the user's is read or changed."""
        if self.act is not None:
            lock_contents(self.act.user_id, contents)

    def _recognised(
        self, items: Sequence[RemoteItem], known: dict[str, SourceItem]
    ) -> Sequence[tuple[RemoteItem, Content]]:
        """The items of which we know what they are, or can add it to the library."""
        matcher = Matcher(items, self._listing, known)
        found = []
        # A server that lists one of its ids twice means one thing by it.
        for item in {item.remote_id: item for item in items}.values():
            try:
                found.append((item, _by_hand(known.get(item.remote_id)) or matcher.content(item)))
            except OtherFileKnown:
                self._late[item.remote_id] = item
            except Unmatched as reason:
                self._note_unmatched(item, reason.message)
                self._forget_item(known.pop(item.remote_id, None))
        matcher.keep()
        return self._one_entry_each(found, known) if self._is_service else found

    def _one_entry_each(
        self, found: Sequence[tuple[RemoteItem, Content]], known: dict[str, SourceItem]
    ) -> Sequence[tuple[RemoteItem, Content]]:
        """Leave an account service's second entry of one title alone: each play told to both would
        be two.
        """
        ours = self._entries_used([content for _, content in found])
        kept = []
        for item, content in found:
            if ours.setdefault(content.key, item.remote_id) == item.remote_id:
                kept.append((item, content))
                continue
            self._note_unmatched(
                item, f"It is a second entry of “{item.title}”, of which another one is used."
            )
            self._forget_item(known.pop(item.remote_id, None))
        return kept

    def _entries_used(self, contents: Sequence[Content]) -> dict[ContentKey, str]:
        """Return, by content, the remote id of the entry that was known first."""
        keys = [content.key for content in contents]
        query = select(SourceItem.media_item_id, SourceItem.episode_id, SourceItem.remote_id)
        here = (SourceItem.source_id == self._source_id, SourceItem.of_any(keys))
        rows = db.session.execute(query.where(*here).order_by(SourceItem.id.desc()))
        return {ContentKey.from_columns(*columns): remote_id for *columns, remote_id in rows}

    def take_change_sets(self) -> list[int]:
        """What the changes since the last call were written down under, where that was not told
        before.
        """
        change_set_id = self.act.change_set_id if self.act else None
        if change_set_id is None or change_set_id == self._told_change_set:
            return []
        self._told_change_set = change_set_id
        return [change_set_id]

    def finish(self, *, is_whole: bool = True) -> None:
        """Apply removals, unless they are too many to be a person's doing; bring next episodes up
        to date.
        """
        self._take_late(is_whole=is_whole)
        if is_whole:
            self._take_unlisted()
        if self._removals:
            self._take_removals()
        refresh_shows(self.new_shows)
        if is_whole:
            self._forget_unmatched()

    def _take_removals(self) -> None:
        assert self.account_id is not None
        assert self.act is not None
        report = self.report
        is_decided = report.takes_removals or report.keeps_ours
        if not is_decided and self._are_too_many():
            report.held_back += len(self._removals)
            return
        with self.act as act:
            merging = AccountMerge(act, self._source, self.account_id, report)
            follow = merging.keep_ours if report.keeps_ours else merging.unwatch
            follow(self._removals, self._began_at or now())

    def _are_too_many(self) -> bool:
        """Return whether so many removals at once are hardly one person's doing."""
        assert self.account_id is not None
        assert self.act is not None
        return are_too_many(
            len(self._removals),
            read=self.report.done,
            watched_there=watched_there(self.account_id),
            just_taken=unwatched_lately(self.act.user_id, self._source_id),
        )

    def _take_late(self, *, is_whole: bool) -> None:
        """Take what waited for the end. What a part of a listing left out may still be there."""
        self._listing.is_whole = is_whole
        self._listing.is_at_end = True
        late = list(self._late.values())
        self._late.clear()
        if late:
            self._take_items(late, self._began_at or now())

    def _take_unlisted(self) -> None:
        """What could not be read looks like what is gone: then nothing is taken for gone."""
        if (
            not self._is_service
            or self.account_id is None
            or self._began_at is None
            or self._problems
        ):
            return
        pages = list(
            unlisted_states(
                self._source_id, self.account_id, self._listing.remote_ids, self._began_at
            )
        )
        found_before = [content for _, _, content in self._removals]
        self._lock([*found_before, *(content for page in pages for _, _, content in page)])
        for page in pages:
            self._merge(page, self._began_at)

    def _forget_unmatched(self) -> None:
        # What this whole reading did not find unrecognised again was matched or is gone.
        stale = UnmatchedItem.seen_at < (self.report.began_at or now())
        db.session.execute(
            delete(UnmatchedItem).where(UnmatchedItem.source_id == self._source_id, stale)
        )

    def _known_items(self, items: Sequence[RemoteItem]) -> dict[str, SourceItem]:
        rows = db.session.scalars(
            select(SourceItem).where(
                SourceItem.source_id == self._source_id,
                SourceItem.remote_id.in_([item.remote_id for item in items]),
            )
        )
        return {row.remote_id: row for row in rows}

    def _keep_items(
        self, found: Sequence[tuple[RemoteItem, Content]], known: dict[str, SourceItem]
    ) -> Sequence[tuple[SourceItem, RemoteItem, Content]]:
        kept, appeared = [], []
        self._forget_shown(found, known)
        for item, content in found:
            row = self._still(known.get(item.remote_id), item, content)
            if row is None:
                row = known[item.remote_id] = self._new_item(item, content)
                appeared.append(content)
            kept.append((row, item, content))
        db.session.flush()
        self._keep_versions(kept)
        self._appeared(appeared)
        return kept

    def _keep_versions(self, kept: Sequence[tuple[SourceItem, RemoteItem, Content]]) -> None:
        """Keep by which further ids a title is known, for news that name no other."""
        rows = [
            {"source_id": self._source_id, "remote_id": version, "source_item_id": row.id}
            for row, item, _ in kept
            for version in item.versions
        ]
        if rows:
            insert = insert_for(SourceItemVersion)
            moved = {"source_item_id": insert.excluded.source_item_id}
            newest = insert.on_conflict_do_update(
                index_elements=["source_id", "remote_id"], set_=moved
            )
            db.session.execute(newest, rows)

    def _forget_shown(
        self, found: Sequence[tuple[RemoteItem, Content]], known: Mapping[str, SourceItem]
    ) -> None:
        """Under the same id stands another file, whose state may begin anew: that is nobody's
        unwatching.
        """
        rows = [(known.get(item.remote_id), item.path) for item, _ in found]
        moved = [row.id for row, path in rows if row and row.path and path and row.path != path]
        if moved:
            db.session.execute(
                delete(SourceItemState).where(SourceItemState.source_item_id.in_(moved))
            )

    def _still(
        self, known: SourceItem | None, item: RemoteItem, content: Content
    ) -> SourceItem | None:
        """The item as we know it; None where it is new."""
        if known is None:
            return None
        if known.content_key == content.key:
            if known.path != item.path:
                known.path = item.path
            return known
        # The server gave this id to something else: what it showed before says nothing of that.
        self._forget_item(known)
        return None

    def _forget_item(self, known: SourceItem | None) -> None:
        if known is not None:
            db.session.execute(delete(SourceItem).where(SourceItem.id == known.id))
            db.session.expunge(known)

    def _new_item(self, item: RemoteItem, content: Content) -> SourceItem:
        self.added += 1
        row = SourceItem(source_id=self._source_id, remote_id=item.remote_id, path=item.path)
        row.set_content(content)
        db.session.add(row)
        return row

    def _appeared(self, contents: Sequence[Content]) -> None:
        """Titles that were missing here can be told now what waited for them; new episodes may be
        the next ones.
        """
        if not contents:
            return
        episodes = [one for one in contents if isinstance(one, Episode)]
        self.new_shows.update(one.media_item_id for one in episodes)
        keys = [content.key for content in contents]
        PlaybackSyncRepository().retry_unmatched(self._source_id, keys)

    def _keep_artwork(self, found: Sequence[tuple[RemoteItem, Content]]) -> None:
        urls: set[str] = set()
        for item, content in found:
            urls |= self._use_artwork(content, item.artwork_url)
            if item.show and item.show.artwork_url and isinstance(content, Episode):
                show = db.session.get_one(MediaItem, content.media_item_id)
                urls |= self._use_artwork(show, item.show.artwork_url)
        remember_artworks(self._source_id, urls)

    def _use_artwork(self, content: Content, url: str) -> set[str]:
        """The picture, if it is new."""
        if not url or content.artwork_key:
            return set()
        content.artwork_key = artwork_key(self._source_id, url)
        return {url}

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

    def _merge(
        self, matched: Sequence[tuple[SourceItem, RemoteItem, Content]], asked_at: datetime
    ) -> None:
        if self.act is None or self.account_id is None:
            return
        players = self._players
        settled = [one for one in matched if players is None or not players.may_play(one[1])]
        with self.act as act:
            merge = AccountMerge(act, self._source, self.account_id, self.report)
            self._removals += merge.merge_page(settled, asked_at, is_complete=self.is_complete)


def _by_hand(known: SourceItem | None) -> Content | None:
    """What a person said the item is."""
    if known is None or not known.matched_by_hand:
        return None
    if known.episode_id is not None:
        return db.session.get(Episode, known.episode_id)
    return db.session.get(MediaItem, known.media_item_id)
