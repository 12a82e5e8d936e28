"""Which evidence makes two things the same content: the table of docs/design.md."""

from itertools import permutations
from typing import Any

import pytest

from mydia_web.library.identity import (
    Candidate,
    EpisodeEvidence,
    Undecided,
    choose,
    is_believed,
    is_same_name,
    says_nothing,
)

IT, OTHER, NEW, NOBODY = "it", "other", "new", "not recognised"


def candidate(words: str, known: str = IT) -> Candidate[str]:
    """Such as `1 id, 1 against, same name, 3 years apart`."""
    told: dict[str, Any] = {"known": known}
    for word in filter(None, words.split(", ")):
        number, _, what = word.partition(" ")
        if what in ("id", "ids"):
            told["agreeing"] = int(number)
        elif what == "against":
            told["contradicting"] = int(number)
        elif word == "same name":
            told["has_same_name"] = True
        elif word == "same year":
            told["years_apart"] = 0
        else:
            told["years_apart"] = int(number)
    return Candidate(**told)


def chosen(kind: Any, *words: str) -> str:
    candidates = [candidate(one, known) for one, known in zip(words, (IT, OTHER), strict=False)]
    try:
        found = {choose(some, kind) for some in permutations(candidates)}
    except Undecided:
        return NOBODY
    assert len(found) == 1, "the order of the candidates decides"
    return found.pop() or NEW


@pytest.mark.parametrize("kind", ["movie", "show"])
@pytest.mark.parametrize(
    ("candidates", "expected"),
    [
        pytest.param([], NEW, id="nothing like it is known"),
        # An id, and nothing that speaks against it.
        pytest.param(["1 id, same name, same year"], IT, id="all agrees"),
        pytest.param(
            ["1 id"], IT, id="an id alone: the title is in another language, the year unknown"
        ),
        pytest.param(["1 id, same year"], IT, id="an id and the year"),
        pytest.param(["1 id, same name, 9 years apart"], IT, id="an id and the name"),
        pytest.param(["1 id, 1 years apart"], IT, id="an id; the year is another catalogue's"),
        pytest.param(["2 ids, 2 years apart"], IT, id="ids; the year is nearly that"),
        pytest.param(["1 id, 17 years apart"], NOBODY, id="an id alone against name and year"),
        pytest.param(["2 ids, 17 years apart"], NOBODY, id="ids alone against name and year"),
        # Another title is called so, of that very year.
        pytest.param(
            ["1 id, 1 years apart", "same name, same year"], OTHER, id="the id is of another film"
        ),
        pytest.param(
            ["1 id, same year", "same name, same year"], IT, id="its name in another language"
        ),
        pytest.param(
            ["1 id, same name, same year", "same name, same year"],
            IT,
            id="the id tells namesakes apart",
        ),
        # Ids that disagree are decided by name and year, or not at all.
        pytest.param(
            ["1 id, 1 against, same name, same year"], IT, id="ids disagree, name and year agree"
        ),
        pytest.param(["1 id, 1 against, same name, 1 years apart"], IT, id="… the year nearly"),
        pytest.param(["1 id, 1 against, same name"], IT, id="… the year unknown"),
        pytest.param(["1 id, 1 against, same name, 2 years apart"], NOBODY, id="… the year not"),
        pytest.param(["1 id, 1 against, same year"], NOBODY, id="ids disagree and the name too"),
        pytest.param(["1 id, 1 against"], NOBODY, id="ids disagree and nothing else is known"),
        pytest.param(["2 ids, 1 against"], NOBODY, id="most ids are no majority"),
        pytest.param(
            ["1 id, 1 against, same name, same year", "1 id, 1 against"], IT, id="two films by ids"
        ),
        pytest.param(
            ["1 id, 1 against", "1 id, 1 against"], NOBODY, id="two films by ids, neither called so"
        ),
        pytest.param(
            ["1 id, 1 against, same name, same year", "1 id, 1 against, same name, same year"],
            NOBODY,
            id="two films by ids, both called so",
        ),
        pytest.param(
            ["1 id, 1 against", "1 against, same name, same year"], OTHER, id="one wrong id"
        ),
        # No id is known.
        pytest.param(["same name, same year"], IT, id="name and year"),
        pytest.param(["same name, 1 years apart"], NEW, id="another year, without an id"),
        pytest.param(["same year"], NEW, id="a year"),
        pytest.param(["1 against, same name, same year"], NEW, id="a catalogue knows two of them"),
        pytest.param(
            ["same name, same year", "same name, same year"], NOBODY, id="two of one name and year"
        ),
        pytest.param(
            ["1 against, same name, same year", "same name, same year"], OTHER, id="one of two"
        ),
    ],
)
def test_films_and_shows(kind: str, candidates: list[str], expected: str) -> None:
    assert chosen(kind, *candidates) == expected


@pytest.mark.parametrize(
    ("kind", "candidates", "expected"),
    [
        ("show", ["same name"], IT),
        ("movie", ["same name"], NEW),
        ("show", ["same name", "same name"], NOBODY),
        ("show", ["1 against, same name"], NEW),
    ],
)
def test_the_year_of_a_show_may_be_missing(kind: str, candidates: list[str], expected: str) -> None:
    assert chosen(kind, *candidates) == expected


@pytest.mark.parametrize(
    ("is_same_show", "number", "title", "is_claimed", "expected"),
    [
        # The show is that of the id: a number may be that of another order.
        (True, True, True, False, True),
        (True, True, False, True, True),
        (True, False, True, True, True),
        (True, False, False, False, True),
        (True, False, False, True, False),
        # The shows are called differently, and have no ids.
        (None, True, False, False, True),
        (None, False, True, False, True),
        (None, False, False, False, False),
        # By their ids they are two shows.
        (False, True, True, False, True),
        (False, True, False, False, False),
        (False, False, True, False, False),
        (False, False, False, False, False),
    ],
)
def test_the_id_of_an_episode(is_same_show, number, title, is_claimed, expected):
    evidence = EpisodeEvidence(
        is_same_show=is_same_show,
        has_same_number=number,
        has_same_title=title,
        is_claimed_by_number=is_claimed,
    )
    assert is_believed(evidence) is expected


@pytest.mark.parametrize(
    "title",
    [
        *(
            "movie",
            "Video 3",
            "FILM",
            "01",
            "7",
            "Episode 12",
            "Folge 3",
            "Part 2",
            "cd1",
            "title_t00",
            "VTS_01_1",
        ),
        *("第1話", "第三集", "1화", "第12回", "…", "???", "(1)", "Part II", "Trailer", "untitled"),
    ],
)
def test_a_name_of_any_file_says_nothing(title: str) -> None:
    assert says_nothing(title)


@pytest.mark.parametrize(
    "title",
    [
        "1917",
        "2046",
        "Heat",
        "Movie 43 Men",
        "Her",
        "Up",
        "Videodrome",
        "Se7en",
        "甲",
        "千と千尋の神隠し",
        "八月",
    ],
)
def test_a_name_says_something(title: str) -> None:
    assert not says_nothing(title)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("The Long Pier", "long pier", True),
        ("Spider-Boy: Home", "Spider-Boy - Home", True),
        ("Amélie", "AMELIE", True),
        ("Long Pier", "Long Pier 2", False),
        ("Long Pier Part 1", "Long Pier Part 2", False),
        ("…", "???", False),
        ("", "", False),
        ("甲", "乙", False),
    ],
)
def test_names(one: str, other: str, expected: bool) -> None:
    assert is_same_name(one, other) is expected
