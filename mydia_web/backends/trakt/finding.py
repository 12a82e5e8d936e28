"""Which title of Trakt's is meant: by its own ids, or by those of its show and its number there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mydia_web.backends.errors import NotOnServer
from mydia_web.backends.trakt import mapping
from mydia_web.backends.trakt.api import NOT_THERE, Api
from mydia_web.backends.trakt.mapping import Episode, Row, Title
from mydia_web.backends.trakt.state import FULL
from mydia_web.backends.values import ContentKind, Target
from mydia_web.backends.wire import UnreadableEntry

#: In the order in which they are trusted.
_PROVIDERS = ("imdb", "tmdb", "tvdb")


@dataclass(slots=True)
class Finder:
    """Looks titles up, each show only once."""

    api: Api
    #: What has been learnt of titles on the way, by kind and number.
    rows: dict[tuple[ContentKind, int], Row] = field(default_factory=dict)
    _shows: dict[tuple[str, str], Title | None] = field(default_factory=dict)

    def number(self, target: Target) -> int:
        """Trakt's number of the title. Raises `NotOnServer`."""
        known = mapping.number_of(target.kind, target.remote_id)
        if known is not None:
            return known
        row = self._by_own_ids(target) or self._by_show(target)
        number = row.title(target.kind).ids.trakt
        self.rows[target.kind, number] = row
        return number

    def row(self, kind: ContentKind, number: int) -> Row:
        """What Trakt knows of a title. Raises `NotOnServer`."""
        if (kind, number) not in self.rows:
            found = self._search("trakt", str(number), kind)
            if found is None:
                raise NotOnServer(NOT_THERE)
            self.rows[kind, number] = found
        return self.rows[kind, number]

    def _by_own_ids(self, target: Target) -> Row | None:
        for provider, value in _ids(target.external_ids):
            found = self._search(provider, value, target.kind)
            if found is not None:
                return found
        return None

    def _by_show(self, target: Target) -> Row:
        season, episode = target.season_number, target.episode_number
        if target.kind == "movie" or season is None or episode is None:
            raise NotOnServer("Trakt knows no title by these ids.")
        for provider, value in _ids(target.show_external_ids):
            show = self._show(provider, value)
            if show is not None:
                return self._episode(show, season, episode)
        raise NotOnServer("Trakt knows no show by these ids.")

    def _show(self, provider: str, value: str) -> Title | None:
        if (provider, value) not in self._shows:
            found = self._search(provider, value, "show")
            self._shows[provider, value] = found.show if found else None
        return self._shows[provider, value]

    def _episode(self, show: Title, season: int, episode: int) -> Row:
        path = f"shows/{show.ids.trakt}/seasons/{season}/episodes/{episode}"
        answer = self.api.get(path, understood=(404,), extended=FULL)
        if answer.status == 404:
            named = f"“{(show.title or '')[:80]}”"
            raise NotOnServer(
                f"Trakt knows {named}, but no episode {episode} of its season {season}."
            )
        try:
            return Row(episode=mapping.read(Episode, answer.json()), show=show)
        except UnreadableEntry as error:
            raise NotOnServer(f"Trakt's entry of the episode cannot be read: {error}") from error

    def _search(self, provider: str, value: str, kind: ContentKind | Literal["show"]) -> Row | None:
        """The first title of that kind that carries the id; Trakt also finds titles that look like
        it.
        """
        answer = self.api.get(
            f"search/{provider}/{value}", understood=(404,), type=kind, extended=FULL
        )
        entries = answer.json() if answer.status != 404 else []
        for entry in entries if isinstance(entries, list) else []:
            try:
                row = mapping.read(Row, entry)
            except UnreadableEntry:
                continue
            title: Title | None = getattr(row, kind)
            if title is not None and _carries(title, provider, value):
                return row
        return None


def _carries(title: Title, provider: str, value: str) -> bool:
    told = str(getattr(title.ids, provider) or "")
    return told == value or (told.isdecimal() and value.isdecimal() and int(told) == int(value))


def _ids(external_ids: Mapping[str, str]) -> list[tuple[str, str]]:
    known = [(provider, external_ids.get(provider, "").strip()) for provider in _PROVIDERS]
    return [(provider, value) for provider, value in known if mapping.is_id(provider, value)]
