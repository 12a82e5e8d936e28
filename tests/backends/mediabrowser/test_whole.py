"""A listing is read whole, or says that it may not be: whatever a server makes of kinds, counts and
pages.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import pytest

from mydia_web.backends.errors import ServerTrouble
from mydia_web.backends.mediabrowser import listing
from mydia_web.backends.mediabrowser.listing import Listing, Question
from mydia_web.backends.values import LibraryPage

SHOW = {"Type": "Series", "Id": "show", "Name": "Harbour Lights"}
FILMS = [{"Type": "Movie", "Id": f"film {number}", "Name": f"Film {number}"} for number in range(5)]
EPISODES = [
    {
        "Type": "Episode",
        "Id": f"episode {n}",
        "Name": f"Part {n}",
        "SeriesId": "show",
        "ParentIndexNumber": 1,
    }
    for n in range(3)
]


@dataclass(kw_only=True)
class Server:
    """Answers questions in a way of its own."""

    entries: Sequence[dict[str, Any]]
    #: Which of several kinds it lists: `all`, the `first`, the `last`, or `none`: it takes them for
    #: one strange kind.
    kinds: str = "all"
    #: What it counts: `all` that it has, the `page`, or `nothing`.
    counts: str = "all"
    #: How many it lists at most, however many were asked for.
    most: int = 1000
    starts_over: bool = False
    asked: list[Question] = field(default_factory=list)

    def ask(self, question: Question) -> object:
        self.asked.append(question)
        wanted = {
            "all": list(question.types),
            "first": list(question.types[:1]),
            "last": list(question.types[-1:]),
            "none": list(question.types) if len(question.types) == 1 else [],
        }[self.kinds]
        found = [one for one in self.entries if one["Type"] in wanted]
        start = 0 if self.starts_over else question.start
        page = found[start : start + min(self.most, question.limit)]
        total = {"all": len(found), "page": len(page), "nothing": 0}[self.counts]
        return {"Items": page, "TotalRecordCount": total}

    def read(self) -> list[LibraryPage]:
        return list(Listing(self.ask, "Jellyfin").library([]))


LIBRARIES = {
    "films and a show": [SHOW, *FILMS, *EPISODES],
    "films": FILMS,
    "a show": [SHOW, *EPISODES],
    "nothing": [],
    "as many as a page holds": FILMS[:4],
}


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    ("kinds", "counts", "starts_over"),
    product(("all", "first", "last", "none"), ("all", "page", "nothing"), (False, True)),
)
def test_what_is_not_whole_is_never_taken_for_whole(
    monkeypatch: pytest.MonkeyPatch, library: str, kinds: str, counts: str, starts_over: bool
) -> None:
    monkeypatch.setattr(listing, "PAGE", 4)
    entries = LIBRARIES[library]
    server = Server(entries=entries, kinds=kinds, counts=counts, starts_over=starts_over)
    try:
        pages = server.read()
    except ServerTrouble:
        assert starts_over
        return
    listed = {item.remote_id for page in pages for item in page.items}
    problems = [problem for page in pages for problem in page.problems]
    assert listed == {one["Id"] for one in entries if one is not SHOW} or problems
    if not starts_over:
        assert problems == []


@pytest.mark.parametrize("kinds", ["all", "first", "last", "none"])
@pytest.mark.parametrize("most", [1, 2, 3])
def test_smaller_pages_than_were_asked_for_are_read_to_the_end(kinds: str, most: int) -> None:
    pages = Server(entries=LIBRARIES["films and a show"], kinds=kinds, most=most).read()
    assert {item.remote_id for page in pages for item in page.items} == {
        one["Id"] for one in (*FILMS, *EPISODES)
    }


@pytest.mark.parametrize(
    ("library", "questions"),
    [
        ("films and a show", 2),
        ("films", 2),
        ("as many as a page holds", 2),
        ("a show", 3),
        ("nothing", 3),
    ],
)
def test_a_server_that_answers_as_it_should_is_asked_for_nothing_twice(
    library: str, questions: int
) -> None:
    server = Server(entries=LIBRARIES[library])
    server.read()
    assert len(server.asked) == questions


def test_a_count_of_exactly_one_page_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "PAGE", 4)
    server = Server(entries=FILMS, counts="page")
    assert sum(len(page.items) for page in server.read()) == 5
