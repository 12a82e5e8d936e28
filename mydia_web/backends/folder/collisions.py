"""Two unrelated files never become one title: names that say too little to be told apart are not
recognised.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from mydia_web.backends.folder import convention, naming, seasons, words
from mydia_web.backends.folder.naming import Episode, Film, Named

SAME_NAME = (
    "Files in other folders are called the same. Name it, or its folder, with title and year."
)
SAME_NUMBER = (
    "Another file says to be the same episode, and they differ. Name them like “Show S01E02”."
)

_Key = tuple[object, ...]
_Files = Mapping[PurePosixPath, Named]


def repeated_names(folders: Iterable[PurePosixPath]) -> frozenset[str]:
    """Return the names, in lower case, of folders that lie in several places: such a name is no
    title.
    """
    counts = Counter(folder.name.lower() for folder in folders if len(folder.parts) > 1)
    return frozenset(name for name, count in counts.items() if count > 1)


def told_apart(files: _Files) -> dict[PurePosixPath, str]:
    """Return why each file is not recognised that would be taken for another one by accident."""
    groups: dict[_Key, list[PurePosixPath]] = defaultdict(list)
    for file, named in files.items():
        for key in _keys(named):
            groups[key].append(file)
    reasons: dict[PurePosixPath, str] = {}
    for group in groups.values():
        if len(group) > 1:
            reasons |= _accidents(group, files)
    return reasons


def _keys(named: Named) -> list[_Key]:
    if isinstance(named, Film):
        is_told = named.name.year is not None or named.name.ids
        return (
            [] if is_told else [("film", convention.letters(named.name.title) or named.name.title)]
        )
    if isinstance(named, Episode) and named.show:
        show = (convention.letters(named.show.title) or named.show.title, named.show.year)
        return [("episode", *show, named.season, number) for number in named.numbers]
    return []


def _accidents(group: Sequence[PurePosixPath], files: _Files) -> dict[PurePosixPath, str]:
    named = {file: files[file] for file in group}
    films = {file: one for file, one in named.items() if isinstance(one, Film)}
    episodes = {file: one for file, one in named.items() if isinstance(one, Episode)}
    return _same_films(films) | _other_shows(episodes) | _loose_numbers(episodes)


def _same_films(films: Mapping[PurePosixPath, Film]) -> dict[PurePosixPath, str]:
    """Films without a year in different folders, but where the folder is called like the film."""
    if len({file.parent for file in films}) < 2:
        return {}
    return {file: SAME_NAME for file, film in films.items() if not _is_at_home(file, film)}


def _is_at_home(file: PurePosixPath, film: Film) -> bool:
    folder = file.parent.name
    sorts = not folder or words.is_category(folder) or words.is_storage(folder)
    return sorts or convention.same_title(naming.titled(folder).title, film.name.title)


def _other_shows(episodes: Mapping[PurePosixPath, Episode]) -> dict[PurePosixPath, str]:
    """Files that name another show than their folder, where one beside them names the folder's or a
    third.
    """
    own = {file: one.own_show for file, one in episodes.items() if one.own_show}
    shortest = min(own.values(), key=len, default="")
    if all(shortest in one for one in own.values()):
        return {}
    shows = {convention.letters(one.show.title) for one in episodes.values() if one.show}
    return {file: SAME_NUMBER for file, one in own.items() if one not in shows}


def _loose_numbers(episodes: Mapping[PurePosixPath, Episode]) -> dict[PurePosixPath, str]:
    """Bare numbers that lie in several folders which are no season's, or stand before different
    titles.
    """
    loose = {file: one for file, one in episodes.items() if not one.is_marked}
    folders = {file.parent for file in loose}
    scattered = len(folders) > 1 and not all(_sorts_a_show(folder) for folder in folders)
    titles = {convention.letters(one.title) for one in loose.values()} - {""}
    shortest = min(titles, key=len, default="")
    differ = any(shortest not in title for title in titles)
    is_told = {file for file, one in loose.items() if one.own_show and not differ}
    return {file: SAME_NUMBER for file in loose if (scattered or differ) and file not in is_told}


def _sorts_a_show(folder: PurePosixPath) -> bool:
    return seasons.season_of(folder.name) is not None or words.is_storage(folder.name)
