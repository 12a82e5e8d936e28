"""The names people really have: a library of all shapes of `names.tsv`, read as one.

Each shape is one that a public project tests or was told of (the column `origin`); the titles are
invented. `docs/folders.md` holds the score.
"""

import csv
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from mydia_web.backends.folder import Folder, files, titles
from mydia_web.backends.values import Connection, RemoteItem

NAMES = Path(__file__).parent / "names.tsv"
DOCUMENTED = Path(__file__).parents[3] / "docs" / "folders.md"
KINDS = ("film", "episodes", "day", "part", "extra", "left out", "not recognised")
#: Of a hundred names of a kind so many are read right, at least.
ENOUGH = 98


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """What a file is. Titles are compared by their letters: how one is punctuated tells nothing."""

    kind: str
    #: Its letters and digits.
    title: str = ""
    year: str = ""
    season: str = ""
    numbers: str = ""

    def identities(self) -> Iterator[tuple[str, ...]]:
        """Yield what makes two files the same title."""
        if self.kind == "film":
            yield ("film", self.title, self.year)
        if self.kind == "episodes":
            yield from (
                ("episode", self.title, self.season, number) for number in self.numbers.split(",")
            )


def rows() -> list[dict[str, str]]:
    with NAMES.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened, delimiter="\t", quoting=csv.QUOTE_NONE))


@pytest.fixture(scope="module")
def expected() -> Mapping[str, Meaning]:
    return {
        row["path"]: Meaning(
            kind=row["kind"],
            title=titles.letters(row["title"]),
            year=row["year"],
            season=row["season"],
            numbers=row["numbers"],
        )
        for row in rows()
    }


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Meaning]:
    base = tmp_path_factory.mktemp("names") / "library"
    paths = [row["path"] for row in rows()]
    for path in paths:
        (base / path).parent.mkdir(parents=True, exist_ok=True)
        (base / path).write_bytes(b"not a video")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PATH", os.devnull)
        pages = list(Folder(Connection(str(base))).library())
    items: dict[str, list[RemoteItem]] = defaultdict(list)
    for item in (item for page in pages for item in page.items):
        items[item.path.removeprefix(f"{base}/")].append(item)
    problems = " ".join(problem for page in pages for problem in page.problems)
    videos = {path.as_posix() for path in files.list_videos(files.find_root(str(base))).videos()}
    return {
        path: _meaning(items[path]) if items[path] else _unlisted(path, videos, problems)
        for path in paths
    }


def _unlisted(path: str, videos: set[str], problems: str) -> Meaning:
    if path in videos:
        return Meaning(kind="part")
    parent = path.rpartition("/")[0]
    is_told = any(f"“{told}”" in problems for told in (path, parent, parent.rpartition("/")[0]))
    return Meaning(kind="left out" if is_told else "extra")


def _meaning(items: Sequence[RemoteItem]) -> Meaning:
    item = items[0]
    if item.not_recognised:
        return Meaning(kind="not recognised")
    if item.kind == "movie":
        return Meaning(kind="film", title=titles.letters(item.title), year=str(item.year or ""))
    assert item.show
    show = {"title": titles.letters(item.show.title), "year": str(item.show.year or "")}
    season = "" if item.season_number is None else str(item.season_number)
    if item.episode_number is None:
        return Meaning(kind="day", season=season, numbers=str(item.air_date), **show)
    numbers = ",".join(str(one.episode_number) for one in items)
    return Meaning(kind="episodes", season=season, numbers=numbers, **show)


def test_there_are_enough_names_of_every_kind() -> None:
    names = rows()
    assert len(names) >= 700
    assert len({row["path"] for row in names}) == len(names)
    assert {row["kind"] for row in names} == set(KINDS)
    assert all(row["origin"] for row in names)


def test_names_are_read_as_what_they_are(
    expected: Mapping[str, Meaning], found: Mapping[str, Meaning]
) -> None:
    wrong = {path: (found[path], right) for path, right in expected.items() if found[path] != right}
    wrong_of_kind = Counter(right.kind for _, right in wrong.values())
    total = Counter(meaning.kind for meaning in expected.values())
    scores = {kind: 100 * (total[kind] - wrong_of_kind[kind]) / total[kind] for kind in KINDS}
    assert min(scores.values()) >= ENOUGH, wrong


def test_the_documented_score_is_the_measured_one(
    expected: Mapping[str, Meaning], found: Mapping[str, Meaning]
) -> None:
    documented = DOCUMENTED.read_text(encoding="utf-8")
    for kind in KINDS:
        paths = [path for path, meaning in expected.items() if meaning.kind == kind]
        right = sum(found[path] == expected[path] for path in paths)
        assert f"| {kind} | {len(paths)} | {right} |" in documented


def test_no_two_unrelated_files_become_one_title(
    expected: Mapping[str, Meaning], found: Mapping[str, Meaning]
) -> None:
    files: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for path, meaning in found.items():
        for identity in meaning.identities():
            files[identity].append(path)
    merged = {
        identity: paths
        for identity, paths in files.items()
        if len({frozenset(expected[path].identities()) for path in paths}) > 1
        and not set.intersection(*(set(expected[path].identities()) for path in paths))
    }
    assert merged == {}


def test_what_nobody_can_read_is_never_given_a_title(
    expected: Mapping[str, Meaning], found: Mapping[str, Meaning]
) -> None:
    told = {
        path: found[path]
        for path, meaning in expected.items()
        if meaning.kind == "not recognised" and found[path].title
    }
    assert told == {}
