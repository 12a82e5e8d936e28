"""Which of our films and episodes a server's item is. The rules are in `library/identity.py`."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import delete, select, tuple_

from mydia_web.backends.values import RemoteItem, RemoteShow
from mydia_web.db import db, insert_for
from mydia_web.errors import MydiaError
from mydia_web.library.content import sort_title
from mydia_web.library.identity import (
    Candidate,
    EpisodeEvidence,
    Kind,
    Undecided,
    choose,
    is_believed,
    is_same_name,
    says_nothing,
)
from mydia_web.library.models import Content, Episode, ExternalId, MediaItem
from mydia_web.sources.models import SourceItem
from mydia_web.sync.inbound.known import IdKey, KnownTitles, Listing, remote_ids_of

#: Season and number.
_Place = tuple[int, int]


class MatchedItem(NamedTuple):
    """An item of a server, the copy it is stored as, and what it was recognised as."""

    copy: SourceItem
    item: RemoteItem
    content: Content


class Unmatched(MydiaError):
    """Nobody can tell what this is."""


class OtherFileKnown(Unmatched):
    """Another file of this name was here. Whether it still is, shows when everything was listed."""


class Matcher:
    """Finds or adds the contents of one library page, with what we know of them read in bulk.

    What is new has an id only after `keep`.
    """

    def __init__(
        self,
        items: Sequence[RemoteItem],
        listing: Listing,
        copies: Mapping[str, SourceItem] | None = None,
        *,
        is_event: bool = False,
    ) -> None:
        self._listing = listing
        #: The stored copies of the items, by remote id.
        self._copies = copies or {}
        #: A single event cannot show that an id belongs to one episode alone: the id may find an
        #: episode, but is not stored.
        self._is_event = is_event
        self._titles = KnownTitles.load(items)
        #: Shows of this page, by what the server says of them.
        self._shows: dict[tuple[str, int | None, str], MediaItem] = {}
        #: Episodes in the seasons of this page, by the id of their show.
        self._episodes: dict[int, dict[_Place, Episode]] = {}
        self._seasons = {item.season_number for item in items if item.season_number is not None}
        self._new_ids: dict[IdKey, Content] = {}
        self._wrong_ids: set[IdKey] = set()
        #: Films of this page that only their names tell.
        self._by_name_alone: set[MediaItem] = set()

    def content(self, item: RemoteItem) -> Content:
        """Return the content, added where it is new. Raise `Unmatched` with a reason."""
        if item.not_recognised:
            raise Unmatched(item.not_recognised)
        content = self._movie(item) if item.kind == "movie" else self._episode(item)
        _fill_blanks(content, item)
        return content

    def keep(self) -> None:
        """Store what was added."""
        db.session.flush()
        if self._wrong_ids:
            id_key = tuple_(ExternalId.provider, ExternalId.kind, ExternalId.value)
            wrong = id_key.in_(sorted(self._wrong_ids))
            db.session.execute(delete(ExternalId).where(wrong))
            self._wrong_ids.clear()
        if self._new_ids:
            rows = [
                {**content.key.columns, "provider": provider, "kind": kind, "value": value}
                for (provider, kind, value), content in self._new_ids.items()
            ]
            insert = insert_for(ExternalId.__table__).on_conflict_do_nothing()
            db.session.connection().execute(insert, rows)
            self._new_ids.clear()

    # Films

    def _movie(self, item: RemoteItem) -> MediaItem:
        ids = self._own_ids("movie", item.external_ids)
        if not ids and not item.title.strip():
            raise Unmatched("The server gives no title for it.")
        if item.year is None and not self._titles.of_ids("movie", ids):
            film = self._film_by_name_alone(item, ids)
        else:
            film = self._title("movie", item.title, item.year, ids)
        self._add_ids(film, "movie", ids)
        return film

    def _film_by_name_alone(self, item: RemoteItem, ids: Mapping[str, str]) -> MediaItem:
        """Return the only film of that name, if this source has no other file called so."""
        namesakes = self._titles.namesakes("movie", item.title)
        film = self._film_before(item, namesakes)
        if film is None:
            film = self._only_namesake(item, namesakes, ids)
        if film is None:
            film = self._add_title("movie", item.title, None)
        self._by_name_alone.add(film)
        return film

    def _film_before(self, item: RemoteItem, films: Iterable[MediaItem]) -> MediaItem | None:
        """Return the film that this file was recognised as before."""
        copy = self._copies.get(item.remote_id)
        if copy is None or copy.path != item.path:
            return None
        return next((film for film in films if film.id == copy.media_item_id), None)

    def _only_namesake(
        self, item: RemoteItem, namesakes: Sequence[MediaItem], ids: Mapping[str, str]
    ) -> MediaItem | None:
        """Return None for a new film. Raise `Unmatched`."""
        if ids:
            fitting = [film for film in namesakes if self._may_be_undated(film, item, ids)]
            return fitting[0] if len(fitting) == 1 else None
        if says_nothing(item.title):
            raise Unmatched(
                f"Any film might be called “{item.title}”, and it has neither a year nor an id."
            )
        if not namesakes:
            return None
        if len(namesakes) > 1 or namesakes[0].year is not None:
            raise Unmatched(
                "There is a film of this title, but this one has neither a year nor an id."
            )
        self._check_no_other_file(namesakes[0], item)
        return namesakes[0]

    def _may_be_undated(self, film: MediaItem, item: RemoteItem, ids: Mapping[str, str]) -> bool:
        """Return whether a film without a year may be this item, whose ids are all unknown."""
        _, contradicting = self._titles.compare_ids(film, ids)
        is_open = film.year is None and not contradicting
        if not is_open or film in self._by_name_alone:
            return False
        return not self._other_files(film, item)

    def _check_no_other_file(self, film: MediaItem, item: RemoteItem) -> None:
        """Raise `Unmatched` where another file has the name: it need not be the same film."""
        words = (
            f"There is another file called “{item.title}”, "
            "and neither a year nor an id tells them apart."
        )
        others = self._other_files(film, item)
        if film in self._by_name_alone or others & self._listing.remote_ids:
            raise Unmatched(words)
        if not others or self._listing.is_whole:
            return
        if self._listing.is_at_end:
            raise Unmatched(words)
        raise OtherFileKnown(words)

    def _other_files(self, content: Content, item: RemoteItem) -> set[str]:
        """Return the remote ids of the content's other copies on this source."""
        return remote_ids_of(self._listing.source_id, content) - {item.remote_id}

    # Films and shows

    def _title(self, kind: Kind, name: str, year: int | None, ids: Mapping[str, str]) -> MediaItem:
        """Return the film or show that ids, or name and year, tell; add it where it is new.

        Raise `Unmatched`.
        """
        title = self._choose(kind, name, year, ids)
        return title or self._add_title(kind, name, year)

    def _choose(
        self, kind: Kind, name: str, year: int | None, ids: Mapping[str, str]
    ) -> MediaItem | None:
        titles = [*self._titles.of_ids(kind, ids), *self._titles.namesakes(kind, name)]
        candidates = [self._candidate(title, name, year, ids) for title in dict.fromkeys(titles)]
        try:
            return choose(candidates, kind)
        except Undecided as reason:
            raise Unmatched(reason.words) from reason

    def _candidate(
        self, title: MediaItem, name: str, year: int | None, ids: Mapping[str, str]
    ) -> Candidate[MediaItem]:
        agreeing, contradicting = self._titles.compare_ids(title, ids)
        own_names = (title.title, title.original_title or "")
        years_apart = None
        if title.year is not None and year is not None:
            years_apart = abs(title.year - year)
        return Candidate(
            known=title,
            agreeing=agreeing,
            contradicting=contradicting,
            has_same_name=any(is_same_name(own, name) for own in own_names),
            years_apart=years_apart,
        )

    def _add_title(self, kind: Kind, name: str, year: int | None) -> MediaItem:
        title = MediaItem(type=kind, title=name, sort_title=sort_title(name), year=year)
        db.session.add(title)
        self._titles.add(title)
        return title

    # Episodes

    def _episode(self, item: RemoteItem) -> Episode:
        ids = self._own_ids("episode", item.external_ids)
        show_ids = self._show_ids(item)
        own_ids = {name: value for name, value in ids.items() if show_ids.get(name) != value}
        episode = self._episode_by_ids(item, own_ids, show_ids)
        if episode is None:
            episode = self._episode_at(item, show_ids)
        self._note_wrong_ids(episode, item)
        if not self._is_event:
            self._add_ids(episode, "episode", own_ids)
        return episode

    def _show_ids(self, item: RemoteItem) -> Mapping[str, str]:
        """Return the ids told of the show, and ids of the episode that are known as the show's."""
        if item.show is None:
            return {}
        ids = {}
        for provider, value in item.external_ids.items():
            owner = self._titles.get((provider, "show", value))
            if isinstance(owner, MediaItem) and is_same_name(owner.title, item.show.title):
                ids[provider] = value
        return {**ids, **self._own_ids("show", item.show.external_ids)}

    def _episode_by_ids(
        self, item: RemoteItem, ids: Mapping[str, str], show_ids: Mapping[str, str]
    ) -> Episode | None:
        """Return the one episode that ids lead to and nothing contradicts. Raise `Unmatched`."""
        episodes: Sequence[Episode] = list(dict.fromkeys(self._titles.episodes_of_ids(ids)))
        if item.season_number is not None and item.episode_number is not None:
            episodes = self._believed(episodes, item, show_ids)
        if len(episodes) > 1:
            raise Unmatched("Its ids are those of different episodes.")
        return episodes[0] if episodes else None

    def _believed(
        self, episodes: Iterable[Episode], item: RemoteItem, show_ids: Mapping[str, str]
    ) -> Sequence[Episode]:
        """Return episodes that nothing contradicts; of several, the one with the item's number."""
        believed = [
            episode for episode in episodes if is_believed(self._evidence(episode, item, show_ids))
        ]
        if len(believed) < 2:
            return believed
        same_number = [episode for episode in believed if _place(episode) == _place_of(item)]
        return same_number or believed

    def _evidence(
        self, episode: Episode, item: RemoteItem, show_ids: Mapping[str, str]
    ) -> EpisodeEvidence:
        show = self._titles.show_of(episode)
        is_same_show = self._is_same_show(show, item.show, show_ids)
        has_same_number = _place(episode) == _place_of(item)
        has_same_title = _is_same_title(episode, item, show)
        is_moved = bool(is_same_show) and not has_same_number and not has_same_title
        return EpisodeEvidence(
            is_same_show=is_same_show,
            has_same_number=has_same_number,
            has_same_title=has_same_title,
            is_claimed_by_number=is_moved and self._is_claimed_by_number(episode, show, item),
        )

    def _is_same_show(
        self, known: MediaItem, told: RemoteShow | None, show_ids: Mapping[str, str]
    ) -> bool | None:
        """Return None where nothing tells."""
        agreeing, contradicting = self._titles.compare_ids(known, show_ids)
        if agreeing:
            return True
        if told is not None and not contradicting:
            candidate = self._candidate(known, told.title, told.year, {})
            if candidate.is_named("show"):
                return True
        is_another = bool(contradicting) or bool(self._titles.of_ids("show", show_ids))
        return False if is_another else None

    def _is_claimed_by_number(self, episode: Episode, show: MediaItem, item: RemoteItem) -> bool:
        """Return whether the item is rather the episode of its number than the one of its id."""
        at_place = self._episodes_of(show).get(_place_of(item))
        if at_place is not None and self._fits(item, at_place, show):
            return True
        if self._listing.is_whole:
            return False
        if not self._other_files(episode, item) - self._listing.remote_ids:
            return False
        # Listed later, that other file shows by its number whether the id is that of one episode.
        if not self._listing.is_at_end:
            raise OtherFileKnown("Another file here has its id, and another number.")
        return True

    def _fits(self, item: RemoteItem, episode: Episode, show: MediaItem) -> bool:
        """Return whether this file was recognised as the episode before, or has its title."""
        copy = self._copies.get(item.remote_id)
        if copy is not None and (copy.path, copy.episode_id) == (item.path, episode.id):
            return True
        return _is_same_title(episode, item, show)

    def _episode_at(self, item: RemoteItem, show_ids: Mapping[str, str]) -> Episode:
        """Return the episode of that number; add it where it is new. Raise `Unmatched`."""
        if item.show is None or not item.show.title.strip():
            raise Unmatched("The server does not say which show it belongs to.")
        if item.episode_number is None and item.air_date is not None:
            return self._episode_of_day(item.show, item.air_date, show_ids)
        if item.season_number is None or item.episode_number is None:
            raise Unmatched("The server does not say which season and episode it is.")
        if item.season_number < 0 or item.episode_number < 0:
            raise Unmatched("The server gives it a season or episode number below 0.")
        show = self._show(item.show, show_ids)
        episodes = self._episodes_of(show)
        place = (item.season_number, item.episode_number)
        if place not in episodes:
            episode = Episode(
                media_item_id=show.id,
                season_number=item.season_number,
                episode_number=item.episode_number,
                title=item.title,
            )
            db.session.add(episode)
            episodes[place] = episode
        return episodes[place]

    def _episode_of_day(self, told: RemoteShow, day: date, show_ids: Mapping[str, str]) -> Episode:
        """Return the only known episode of a known show that aired that day. Raise `Unmatched`."""
        show = self._choose("show", told.title, told.year, show_ids)
        episodes: Sequence[Episode] = ()
        if show is not None:
            aired = select(Episode).where(Episode.media_item_id == show.id, Episode.air_date == day)
            episodes = db.session.scalars(aired).all()
        if len(episodes) == 1:
            return episodes[0]
        how_many = f"{len(episodes)} episodes" if episodes else "no episode"
        raise Unmatched(
            f"It is named by its day, and {how_many} of “{told.title}” "
            f"is known to have aired on {day}."
        )

    def _episodes_of(self, show: MediaItem) -> dict[_Place, Episode]:
        if show.id not in self._episodes:
            of_page = select(Episode).where(
                Episode.media_item_id == show.id, Episode.season_number.in_(self._seasons)
            )
            self._episodes[show.id] = {_place(row): row for row in db.session.scalars(of_page)}
        return self._episodes[show.id]

    def _show(self, told: RemoteShow, ids: Mapping[str, str]) -> MediaItem:
        key = (told.title, told.year, repr(sorted(ids.items())))
        if key not in self._shows:
            show = self._title("show", told.title, told.year, ids)
            # Its episodes are found and added by its id.
            db.session.flush()
            self._add_ids(show, "show", ids)
            show.year = show.year or told.year
            self._shows[key] = show
        return self._shows[key]

    # Ids

    def _own_ids(self, kind: str, ids: Mapping[str, str]) -> Mapping[str, str]:
        """Return the ids that this listing gives to one title only."""
        return {
            provider: value
            for provider, value in ids.items()
            if not self._listing.is_shared((provider, kind, value))
        }

    def _note_wrong_ids(self, episode: Episode, item: RemoteItem) -> None:
        """Give up stored ids of an episode that several episodes of its show carry."""
        for provider, value in item.external_ids.items():
            key = (provider, "episode", value)
            owner = self._titles.get(key)
            if not isinstance(owner, Episode) or owner.media_item_id != episode.media_item_id:
                continue
            if self._listing.is_shared(key):
                self._wrong_ids.add(key)

    def _add_ids(self, content: Content, kind: str, ids: Mapping[str, str]) -> None:
        """Add ids without an owner, unless their catalogue has the title under another one."""
        for provider, value in ids.items():
            key = (provider, kind, value)
            if self._titles.get(key) is None and not self._titles.has_other_id(content, provider):
                self._titles.add_id(key, content)
                self._new_ids[key] = content


def _place(episode: Episode) -> _Place:
    return (episode.season_number, episode.episode_number)


def _place_of(item: RemoteItem) -> _Place:
    return (item.season_number or 0, item.episode_number or 0)


def _is_same_title(episode: Episode, item: RemoteItem, show: MediaItem) -> bool:
    """Return whether both have one title that is the episode's own."""
    is_own = not says_nothing(item.title) and not is_same_name(item.title, show.title)
    return is_own and is_same_name(episode.title, item.title)


def _fill_blanks(content: Content, item: RemoteItem) -> None:
    content.runtime_seconds = content.runtime_seconds or item.runtime_seconds or None
    if isinstance(content, Episode):
        content.title = content.title or item.title
        content.air_date = content.air_date or item.air_date
    else:
        content.year = content.year or item.year
