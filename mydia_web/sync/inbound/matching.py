"""Which of our films and episodes a server's item is. The rule itself is `library/identity.py`."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

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
from mydia_web.sync.inbound.known import Copies, KnownTitles
from mydia_web.sync.inbound.listing import IdKey, Listing


class Unmatched(MydiaError):
    """Nobody can tell what this is."""


class OtherFileKnown(Unmatched):
    """Another file of this name was here; whether it still is, is known when everything was listed."""


class Matcher:
    """Finds or adds the contents of one library page, with what we know of them read in a few
    questions.

    What is new has an id only after `keep`.
    """

    def __init__(
        self,
        items: Sequence[RemoteItem],
        listing: Listing,
        known: Mapping[str, SourceItem] | None = None,
        *,
        is_event: bool = False,
    ) -> None:
        self._listing = listing
        #: What the items of the page were recognised as before, by their remote ids.
        self._before = known or {}
        #: A single event cannot show that an id is one episode's alone: it finds by it, and keeps
        #: it not.
        self._is_event = is_event
        self._titles = KnownTitles.load(items)
        self._copies = Copies(listing.source_id)
        #: Shows found for this page, by what the server says of them.
        self._shows: dict[tuple[str, int | None, str], MediaItem] = {}
        #: By the number of their show: the episodes of the seasons of this page.
        self._episodes: dict[int, dict[tuple[int, int], Episode]] = {}
        self._seasons = {item.season_number for item in items if item.season_number is not None}
        self._new_ids: dict[IdKey, Content] = {}
        self._wrong_ids: set[IdKey] = set()
        #: Films of this page that nothing but their names tells.
        self._by_name_alone: set[MediaItem] = set()

    def content(self, item: RemoteItem) -> Content:
        """The content the item is, added to the library where it is new. Raises `Unmatched` with
        the reason.
        """
        if item.not_recognised:
            raise Unmatched(item.not_recognised)
        content = self._movie(item) if item.kind == "movie" else self._episode(item)
        _fill_blanks(content, item)
        return content

    def keep(self) -> None:
        """Write down what was added."""
        db.session.flush()
        if self._wrong_ids:
            place = tuple_(ExternalId.provider, ExternalId.kind, ExternalId.value)
            db.session.execute(delete(ExternalId).where(place.in_(sorted(self._wrong_ids))))
            self._wrong_ids.clear()
        if not self._new_ids:
            return
        rows = [
            {
                **content.key.columns,
                "provider": provider,
                "kind": kind,
                "value": value,
            }
            for (provider, kind, value), content in self._new_ids.items()
        ]
        row = insert_for(ExternalId.__table__).on_conflict_do_nothing()
        db.session.connection().execute(row, rows)
        self._new_ids.clear()

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
        """The film of that name, where there is but one, and this source has no other file that is
        called so.
        """
        namesakes = self._titles.namesakes("movie", item.title)
        film = self._known_before(item, namesakes) or self._only_namesake(item, namesakes, ids)
        film = film or self._add_title("movie", item.title, None)
        self._by_name_alone.add(film)
        return film

    def _known_before(self, item: RemoteItem, films: Iterable[MediaItem]) -> MediaItem | None:
        before = self._before.get(item.remote_id)
        if before is None or before.path != item.path:
            return None
        return next((film for film in films if film.id == before.media_item_id), None)

    def _only_namesake(
        self, item: RemoteItem, namesakes: Sequence[MediaItem], ids: Mapping[str, str]
    ) -> MediaItem | None:
        """None: it is a new film. Raises `Unmatched`."""
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
        """Return whether a film without a year may be this one, which has ids that nobody knows
        yet.
        """
        _, contradicting = self._titles.compare_ids(film, ids)
        if film.year is not None or contradicting:
            return False
        return film not in self._by_name_alone and not self._copies.of(film) - {item.remote_id}

    def _check_no_other_file(self, film: MediaItem, item: RemoteItem) -> None:
        """Two files of one name need not be the same film. Raises `Unmatched`."""
        words = f"There is another file called “{item.title}”, and neither a year nor an id tells them apart."
        others = self._copies.of(film) - {item.remote_id}
        if film in self._by_name_alone or others & self._listing.remote_ids:
            raise Unmatched(words)
        if others and not self._listing.is_whole:
            raise Unmatched(words) if self._listing.is_at_end else OtherFileKnown(words)

    def _title(self, kind: Kind, name: str, year: int | None, ids: Mapping[str, str]) -> MediaItem:
        """The film or show that the ids, or name and year, tell; added where it is new. Raises
        `Unmatched`.
        """
        try:
            found = choose(self._candidates(kind, name, year, ids), kind)
        except Undecided as reason:
            raise Unmatched(reason.words) from reason
        return found or self._add_title(kind, name, year)

    def _candidates(
        self, kind: Kind, name: str, year: int | None, ids: Mapping[str, str]
    ) -> Sequence[Candidate[MediaItem]]:
        known = dict.fromkeys(
            [*self._titles.of_ids(kind, ids), *self._titles.namesakes(kind, name)]
        )
        return [self._candidate(one, name, year, ids) for one in known]

    def _candidate(
        self, known: MediaItem, name: str, year: int | None, ids: Mapping[str, str]
    ) -> Candidate[MediaItem]:
        agreeing, contradicting = self._titles.compare_ids(known, ids)
        return Candidate(
            known=known,
            agreeing=agreeing,
            contradicting=contradicting,
            has_same_name=is_same_name(known.title, name)
            or is_same_name(known.original_title or "", name),
            years_apart=abs(known.year - year)
            if known.year is not None and year is not None
            else None,
        )

    def _add_title(self, kind: Kind, name: str, year: int | None) -> MediaItem:
        title = MediaItem(type=kind, title=name, sort_title=sort_title(name), year=year)
        db.session.add(title)
        self._titles.add(title)
        return title

    def _episode(self, item: RemoteItem) -> Episode:
        ids = self._own_ids("episode", item.external_ids)
        of_show = self._ids_of_show(item)
        own = {name: value for name, value in ids.items() if of_show.get(name) != value}
        episode = self._episode_of_ids(item, own, of_show) or self._episode_at(item, of_show)
        self._note_wrong_ids(episode, item)
        if not self._is_event:
            self._add_ids(episode, "episode", own)
        return episode

    def _ids_of_show(self, item: RemoteItem) -> Mapping[str, str]:
        """What is told of its show, and those of its own that we know as ids of a show of that
        name.
        """
        if item.show is None:
            return {}
        found = {}
        for provider, value in item.external_ids.items():
            known = self._titles.get((provider, "show", value))
            if isinstance(known, MediaItem) and is_same_name(known.title, item.show.title):
                found[provider] = value
        return {**found, **self._own_ids("show", item.show.external_ids)}

    def _episode_of_ids(
        self, item: RemoteItem, ids: Mapping[str, str], of_show: Mapping[str, str]
    ) -> Episode | None:
        """The one episode that ids lead to and the rest does not speak against. Raises `Unmatched`."""
        found = dict.fromkeys(self._titles.episodes_of_ids(ids))
        if item.season_number is not None and item.episode_number is not None:
            believed = [one for one in found if is_believed(self._evidence(one, item, of_show))]
            same = [one for one in believed if _place(one) == _place_of(item)]
            believed = same if len(believed) > 1 and same else believed
        else:
            believed = list(found)
        if len(believed) > 1:
            raise Unmatched("Its ids are those of different episodes.")
        return believed[0] if believed else None

    def _evidence(
        self, known: Episode, item: RemoteItem, of_show: Mapping[str, str]
    ) -> EpisodeEvidence:
        show = self._titles.show_of(known)
        is_same_show = self._is_same_show(show, item.show, of_show)
        has_same_number = _place(known) == _place_of(item)
        has_same_title = _is_same_title(known, item, show)
        return EpisodeEvidence(
            is_same_show=is_same_show,
            has_same_number=has_same_number,
            has_same_title=has_same_title,
            is_claimed_by_number=bool(is_same_show)
            and not has_same_number
            and not has_same_title
            and self._is_claimed_by_number(known, show, item),
        )

    def _is_same_show(
        self, known: MediaItem, told: RemoteShow | None, of_show: Mapping[str, str]
    ) -> bool | None:
        agreeing, contradicting = self._titles.compare_ids(known, of_show)
        is_same_name = told is not None and self._candidate(
            known, told.title, told.year, {}
        ).is_named("show")
        if agreeing or (is_same_name and not contradicting):
            return True
        is_another = bool(contradicting) or bool(self._titles.of_ids("show", of_show))
        return False if is_another else None

    def _is_claimed_by_number(self, known: Episode, show: MediaItem, item: RemoteItem) -> bool:
        at_place = self._episodes_of(show).get(_place_of(item))
        before = self._before.get(item.remote_id)
        if at_place is not None:
            was_that = (
                before is not None and before.episode_id == at_place.id and before.path == item.path
            )
            if was_that or _is_same_title(at_place, item, show):
                return True
        if self._listing.is_whole or not self._copies.of(known) - self._listing.remote_ids - {
            item.remote_id
        }:
            return False
        # Listed later, that other file shows by its number whether the id is that of one episode.
        if not self._listing.is_at_end:
            raise OtherFileKnown("Another file here has its id, and another number.")
        return True

    def _episode_at(self, item: RemoteItem, of_show: Mapping[str, str]) -> Episode:
        """The episode of that number, added where it is new. Raises `Unmatched`."""
        if item.show is None or not item.show.title.strip():
            raise Unmatched("The server does not say which show it belongs to.")
        if item.episode_number is None and item.air_date is not None:
            return self._episode_of_day(item.show, item.air_date, of_show)
        if item.season_number is None or item.episode_number is None:
            raise Unmatched("The server does not say which season and episode it is.")
        if item.season_number < 0 or item.episode_number < 0:
            raise Unmatched("The server gives it a season or episode number below 0.")
        show = self._show(item.show, of_show)
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

    def _episode_of_day(self, told: RemoteShow, day: date, of_show: Mapping[str, str]) -> Episode:
        """The one known episode of a known show that aired that day. Raises `Unmatched`."""
        try:
            show = choose(self._candidates("show", told.title, told.year, of_show), "show")
        except Undecided as reason:
            raise Unmatched(reason.words) from reason
        aired = (Episode.media_item_id == show.id, Episode.air_date == day) if show else ()
        found = db.session.scalars(select(Episode).where(*aired)).all() if aired else []
        if len(found) != 1:
            how_many = f"{len(found)} episodes" if found else "no episode"
            raise Unmatched(
                f"It is named by its day, and {how_many} of “{told.title}” is known to have aired on {day}."
            )
        return found[0]

    def _episodes_of(self, show: MediaItem) -> dict[tuple[int, int], Episode]:
        if show.id not in self._episodes:
            of_page = (Episode.media_item_id == show.id, Episode.season_number.in_(self._seasons))
            rows = db.session.scalars(select(Episode).where(*of_page))
            self._episodes[show.id] = {_place(row): row for row in rows}
        return self._episodes[show.id]

    def _show(self, show: RemoteShow, ids: Mapping[str, str]) -> MediaItem:
        key = (show.title, show.year, repr(sorted(ids.items())))
        if key not in self._shows:
            found = self._title("show", show.title, show.year, ids)
            # Its episodes are found and added by its number.
            db.session.flush()
            self._add_ids(found, "show", ids)
            found.year = found.year or show.year
            self._shows[key] = found
        return self._shows[key]

    def _own_ids(self, kind: str, ids: Mapping[str, str]) -> Mapping[str, str]:
        """Those that are one title's: what a listing gives to several is nobody's."""
        return {
            provider: value
            for provider, value in ids.items()
            if not self._listing.is_shared((provider, kind, value))
        }

    def _note_wrong_ids(self, episode: Episode, item: RemoteItem) -> None:
        """An id that was taken for one episode's stands at several of its show: it is given up."""
        for provider, value in item.external_ids.items():
            key = (provider, "episode", value)
            owner = self._titles.get(key)
            if not isinstance(owner, Episode) or owner.media_item_id != episode.media_item_id:
                continue
            if self._listing.is_shared(key):
                self._wrong_ids.add(key)

    def _add_ids(self, content: Content, kind: str, ids: Mapping[str, str]) -> None:
        """Ids that nobody has; not those of a catalogue that knows the title under another one."""
        for provider, value in ids.items():
            key = (provider, kind, value)
            if self._titles.get(key) is None and not self._titles.has_other_id(content, provider):
                self._titles.add_id(key, content)
                self._new_ids[key] = content


def _place(episode: Episode) -> tuple[int, int]:
    return (episode.season_number, episode.episode_number)


def _place_of(item: RemoteItem) -> tuple[int, int]:
    return (item.season_number or 0, item.episode_number or 0)


def _is_same_title(known: Episode, item: RemoteItem, show: MediaItem) -> bool:
    """Return whether both have one title that is the episode's own."""
    is_own = not says_nothing(item.title) and not is_same_name(item.title, show.title)
    return is_own and is_same_name(known.title, item.title)


def _fill_blanks(content: Content, item: RemoteItem) -> None:
    content.runtime_seconds = content.runtime_seconds or item.runtime_seconds or None
    if isinstance(content, Episode):
        content.title = content.title or item.title
        content.air_date = content.air_date or item.air_date
    else:
        content.year = content.year or item.year
