"""What one source lists, as far as it was read: a server that gives one id to several titles tells
nothing by it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from mydia_web.backends.values import RemoteItem
from mydia_web.library.content import title_key

#: Provider, kind and value of an id.
IdKey = tuple[str, str, str]
#: Season and number of an episode; name and year of a film or a show.
_Place = tuple[object, object]

_name = lru_cache(maxsize=4096)(title_key)


@dataclass(slots=True)
class Listing:
    """The remote ids that were listed, and at how many places each id of a catalogue stood."""

    source_id: int
    remote_ids: set[str] = field(default_factory=set)
    #: Nothing more will be listed; and all that the source holds was.
    is_at_end: bool = False
    is_whole: bool = False
    _places: dict[IdKey, _Place] = field(default_factory=dict)
    _shared: set[IdKey] = field(default_factory=set)

    def note(self, items: Iterable[RemoteItem]) -> None:
        for item in items:
            self.remote_ids.add(item.remote_id)
            if item.kind == "movie":
                self._note_ids(item.external_ids.items(), "movie", (_name(item.title), item.year))
                continue
            if item.season_number is not None and item.episode_number is not None:
                place = (item.season_number, item.episode_number)
                self._note_ids(item.external_ids.items(), "episode", place)
            if item.show is not None:
                place_of_show = (_name(item.show.title), item.show.year)
                self._note_ids(item.show.external_ids.items(), "show", place_of_show)

    def is_shared(self, key: IdKey) -> bool:
        """Return whether it is no title's id, for several carry it here."""
        return key in self._shared

    def _note_ids(self, ids: Iterable[tuple[str, str]], kind: str, place: _Place) -> None:
        for provider, value in ids:
            key = (provider, kind, value)
            first = self._places.setdefault(key, place)
            if first != place and (kind == "episode" or _are_different_titles(first, place)):
                self._shared.add(key)


def _are_different_titles(one: _Place, other: _Place) -> bool:
    """Two files of one film may be called differently, and a year may be missing; not both."""
    is_same_year = one[1] is not None and one[1] == other[1]
    return one[0] != other[0] and not is_same_year
