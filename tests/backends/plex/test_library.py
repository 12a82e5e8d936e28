"""Reading the library: whole or not at all, and one bad entry spoils nothing else."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from mydia_web.backends.errors import BackendError, Rejected, ServerTrouble
from mydia_web.backends.plex import Plex, listing
from mydia_web.backends.values import (
    LibraryPage,
    RemoteItem,
    RemoteLibrary,
    RemoteShow,
    RemoteState,
)
from tests.backends.plex.conftest import Open, signed_in
from tests.fakes.plex import ALICE, BOB, FakePlex
from tests.fakes.plex_http import Request
from tests.fakes.plex_library import Played, Section

SEEN = datetime(2026, 11, 20, 20, 4, 5, tzinfo=UTC)


def items(backend: Plex) -> list[RemoteItem]:
    return [item for page in backend.library() for item in page.items]


def problems(backend: Plex) -> list[str]:
    return [problem for page in backend.library() for problem in page.problems]


def test_a_film_comes_with_its_ids_and_its_state(plex: FakePlex, backend: Plex) -> None:
    film = plex.add_movie("Sintel", minutes=15, guids=["imdb://tt1727587", "tmdb://45745"])
    film.states[ALICE] = Played(2, 300_000, int(SEEN.timestamp()))
    assert items(backend) == [
        RemoteItem(
            remote_id="1",
            kind="movie",
            title="Sintel",
            external_ids={"imdb": "tt1727587", "tmdb": "45745"},
            year=2010,
            runtime_seconds=900,
            path="/films/Sintel.mkv",
            artwork_url="/library/metadata/1/thumb/1700000000",
            state=RemoteState(watched=True, position_ms=300_000, play_count=2, last_played_at=SEEN),
        )
    ]


def test_an_episode_comes_with_its_show(plex: FakePlex, backend: Plex) -> None:
    show = plex.add_show("Harbour Lights", year=2019, guids=["tvdb://990001"])
    plex.add_episode(show, 0, 0, title="Behind the lights", guids=["tvdb://991000"], minutes=25)
    (episode,) = items(backend)
    picture = "/library/metadata/1/thumb/1700000000"
    assert episode.show == RemoteShow(
        title="Harbour Lights", year=2019, external_ids={"tvdb": "990001"}, artwork_url=picture
    )
    assert (episode.remote_id, episode.season_number, episode.episode_number) == ("2", 0, 0)
    assert (episode.title, episode.external_ids) == ("Behind the lights", {"tvdb": "991000"})
    assert (episode.air_date, episode.runtime_seconds) == (date(2022, 2, 18), 1500)
    assert episode.state == RemoteState(watched=False)


def test_what_plex_does_not_mention_is_nothing(plex: FakePlex, backend: Plex) -> None:
    film = plex.add_movie("Unknown", minutes=0, year=0, files=[])
    film.strange["thumb"] = None
    assert items(backend) == [
        RemoteItem(remote_id="1", kind="movie", title="Unknown", state=RemoteState(watched=False))
    ]


def test_everybody_reads_their_own_state(plex: FakePlex, open_plex: Open) -> None:
    plex.watch(plex.add_movie("Sintel"), BOB)
    (alices,), (bobs,) = items(open_plex()), items(open_plex(signed_in(plex, BOB)))
    assert alices.state
    assert bobs.state
    assert (alices.state.watched, bobs.state.watched) == (False, True)


def test_copies_in_two_libraries_are_two_items(plex: FakePlex, backend: Plex) -> None:
    plex.sections.append(Section(4, "movie", "Films in 4K"))
    for section in (1, 4):
        plex.add_movie("Sintel", section=section, guids=["imdb://tt1727587"])
    assert [item.remote_id for item in items(backend)] == ["1", "2"]


def test_files_under_one_number_are_one_item(plex: FakePlex, backend: Plex) -> None:
    plex.add_movie("Sintel", files=["/films/Sintel.mkv", "/films/Sintel (4K).mkv"])
    assert [item.path for item in items(backend)] == ["/films/Sintel.mkv"]


def test_a_file_of_two_episodes_is_two_items(plex: FakePlex, backend: Plex) -> None:
    show = plex.add_show("Harbour Lights")
    for number in (1, 2):
        plex.add_episode(show, 1, number, files=["/shows/double.mkv"])
    assert [(item.episode_number, item.path) for item in items(backend)] == [
        (1, "/shows/double.mkv"),
        (2, "/shows/double.mkv"),
    ]


def test_an_episode_without_a_number_has_its_day(plex: FakePlex, backend: Plex) -> None:
    episode = plex.add_episode(plex.add_show("News"), 1, 1)
    episode.number = None
    assert [(item.episode_number, item.air_date) for item in items(backend)] == [
        (None, date(2022, 2, 18))
    ]


def test_an_old_agents_episode_is_known_by_its_show(plex: FakePlex, backend: Plex) -> None:
    show = plex.add_show("Harbour Lights", guid="com.plexapp.agents.thetvdb://81189?lang=en")
    plex.add_episode(show, 1, 2, guid="com.plexapp.agents.thetvdb://81189/1/2?lang=en")
    (episode,) = items(backend)
    assert episode.show
    assert (episode.external_ids, episode.show.external_ids) == ({}, {"tvdb": "81189"})


def test_an_episode_shared_without_its_show_tells_of_it(plex: FakePlex, backend: Plex) -> None:
    show = plex.add_show("Harbour Lights")
    plex.add_episode(show, 1, 2, guid="com.plexapp.agents.hama://tvdb-81189/1/2?lang=en")
    plex.remove(show)
    (episode,) = items(backend)
    picture = "/library/metadata/1/thumb/1700000000"
    assert episode.show == RemoteShow(
        title="Harbour Lights", year=None, external_ids={"tvdb": "81189"}, artwork_url=picture
    )


def test_libraries_are_those_of_films_and_shows(plex: FakePlex, backend: Plex) -> None:
    assert backend.libraries() == [RemoteLibrary("1", "Films"), RemoteLibrary("2", "Shows")]


def test_only_the_chosen_libraries_are_read(plex: FakePlex, open_plex: Open) -> None:
    plex.add_movie("Sintel")
    plex.add_episode(plex.add_show("Harbour Lights"), 1, 1)
    assert [item.kind for item in items(open_plex(library_ids=frozenset({"2"})))] == ["episode"]


def test_a_chosen_library_that_is_gone_is_not_an_empty_one(plex: FakePlex, open_plex: Open) -> None:
    plex.add_movie("Sintel")
    with pytest.raises(Rejected, match="Choose the libraries again"):
        items(open_plex(library_ids=frozenset({"1", "9"})))


def test_an_empty_server_has_one_empty_page(backend: Plex) -> None:
    assert list(backend.library()) == [LibraryPage(items=(), done=0, total=0)]


@pytest.mark.parametrize("cap", [1000, 3, 2])
def test_pages_of_any_size_are_put_together(
    plex: FakePlex, backend: Plex, monkeypatch: pytest.MonkeyPatch, cap: int
) -> None:
    monkeypatch.setattr(listing, "PAGE", 3)
    plex.page_cap = cap
    for number in range(4):
        plex.add_movie(f"Film {number}")
    show = plex.add_show("Harbour Lights")
    for number in range(3):
        plex.add_episode(show, 1, number)
    pages = list(backend.library())
    assert len([item for page in pages for item in page.items]) == 7
    assert (pages[-1].done, {page.total for page in pages}) == (7, {7})


def test_a_library_of_ten_thousand_takes_24_requests(plex: FakePlex, backend: Plex) -> None:
    for number in range(4000):
        plex.add_movie(f"Film {number}", guids=[f"imdb://tt{number:07}"])
    for number in range(100):
        show = plex.add_show(f"Show {number}")
        for episode in range(60):
            plex.add_episode(show, episode // 10, episode % 10)
    assert len(items(backend)) == 10_000
    assert plex.tv.lines() == []
    # Libraries, how many in each, 8 pages of films, 1 of shows, 12 of episodes.
    assert len(plex.exchanges) == 1 + 2 + 8 + 1 + 12
    # Checking all of them against the description would take longer than reading them; other tests
    # do it.
    plex.exchanges.clear()


def test_what_is_not_read_is_not_asked_for(plex: FakePlex, backend: Plex) -> None:
    plex.add_movie("Sintel")
    items(backend)
    assert b"Somebody" not in b"".join(one.reply.content for one in plex.exchanges)


@pytest.mark.parametrize(
    ("strange", "words"),
    [
        ({"title": None}, "Number 2 has no title"),
        ({"ratingKey": None}, "“Strange” could not be read: ratingKey"),
        ({"viewCount": "many"}, "“Strange” could not be read: viewCount"),
        ({"viewOffset": -5}, "“Strange” could not be read: viewOffset"),
        ({"Guid": "imdb://tt1727587"}, "“Strange” could not be read: Guid"),
        ({"type": "clip"}, "“Strange” is a “clip”"),
        ({"lastViewedAt": 10**15}, "“Strange” could not be read: lastViewedAt"),
    ],
)
def test_a_strange_entry_spoils_nothing_else(
    plex: FakePlex, backend: Plex, strange: dict[str, Any], words: str
) -> None:
    plex.add_movie("Before")
    plex.add_movie("Strange", strange=strange)
    plex.add_movie("After")
    assert [item.title for item in items(backend)] == ["Before", "After"]
    (problem,) = problems(backend)
    assert words in problem
    plex.exchanges.clear()  # it is strange to its description, too


def test_a_strange_show_is_named_once_and_its_episodes_are_read(
    plex: FakePlex, backend: Plex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "PAGE", 2)
    show = plex.add_show("Harbour Lights", strange={"year": -3})
    for number in range(5):
        plex.add_episode(show, 1, number)
    assert len(items(backend)) == 5
    (problem,) = problems(backend)
    assert "“Harbour Lights” could not be read: year" in problem


def test_nulls_are_nothing(plex: FakePlex, backend: Plex) -> None:
    nulls = dict.fromkeys(
        ("year", "viewCount", "viewOffset", "lastViewedAt", "thumb", "Guid", "Media")
    )
    plex.add_movie("Sintel", strange=nulls)
    (film,) = items(backend)
    assert (film.year, film.state) == (None, RemoteState(watched=False))
    plex.exchanges.clear()  # its description knows no nulls


@pytest.mark.parametrize("page", [1, 2])
def test_a_library_that_shrinks_while_it_is_read_is_not_taken_for_whole(
    plex: FakePlex, backend: Plex, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(listing, "PAGE", 2)
    films = [plex.add_movie(f"Film {number}") for number in range(5)]
    reading = backend.library()
    for _ in range(page):
        next(reading)
    plex.remove(films[0])
    with pytest.raises(ServerTrouble, match="changed while it was being read"):
        list(reading)


@pytest.mark.parametrize("added_at", [0, 2_000_000_000])
def test_a_film_that_is_replaced_while_it_is_read_hides_no_other(
    plex: FakePlex, backend: Plex, monkeypatch: pytest.MonkeyPatch, added_at: int
) -> None:
    """There are as many as before, yet one title would have moved to a page already read."""
    monkeypatch.setattr(listing, "PAGE", 2)
    films = [plex.add_movie(f"Film {number}") for number in range(5)]
    reading = backend.library()
    next(reading)
    if added_at:
        plex.remove(films[0])
    plex.add_movie("New").added_at = added_at
    with pytest.raises(ServerTrouble, match="changed while it was being read"):
        list(reading)


def test_a_server_that_gives_one_at_a_time_is_not_waited_for_for_ever(
    plex: FakePlex, backend: Plex
) -> None:
    plex.page_cap = 1
    for number in range(2):
        plex.add_movie(f"Film {number}")
    with pytest.raises(ServerTrouble):
        list(backend.library())


def test_what_is_added_while_it_is_read_comes_last(
    plex: FakePlex, backend: Plex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "PAGE", 2)
    for number in range(3):
        plex.add_movie(f"Film {number}")
    reading = backend.library()
    first = next(reading)
    plex.add_movie("New")
    assert [item.title for page in (first, *reading) for item in page.items][-1] == "New"


@pytest.mark.parametrize("failing", range(6))
@pytest.mark.parametrize("status", [401, 403, 404, 500, 503])
def test_a_page_that_fails_makes_the_whole_reading_fail(
    plex: FakePlex, backend: Plex, failing: int, status: int
) -> None:
    plex.add_movie("Sintel")
    plex.add_episode(plex.add_show("Harbour Lights"), 1, 1)
    with fails_at(plex, failing, status), pytest.raises(BackendError):
        list(backend.library())


class fails_at:  # noqa: N801 - used as a context
    """The request of that number, counted from 0, is refused."""

    def __init__(self, plex: FakePlex, number: int, status: int) -> None:
        self.plex, self.left, self.status, self.answer = plex, number, status, plex.answer

    def __enter__(self) -> None:
        self.plex.answer = self._answer  # type: ignore[method-assign]

    def __exit__(self, *_: object) -> None:
        self.plex.answer = self.answer  # type: ignore[method-assign]

    def _answer(self, request: Request) -> Any:
        self.left -= 1
        if self.left != -1:
            return self.answer(request)
        with self.plex.answering(self.status, body=b"<html></html>", content_type="text/html"):
            return self.plex.instead


def test_a_library_that_is_suddenly_empty_is_not_believed(plex: FakePlex, backend: Plex) -> None:
    plex.add_movie("Sintel")
    counted = plex.answer

    def answer(request: Request) -> Any:
        if request.header("X-Plex-Container-Size") not in ("", "0"):
            plex.titles.clear()
        return counted(request)

    plex.answer = answer  # type: ignore[method-assign]
    with pytest.raises(ServerTrouble, match="changed while it was being read"):
        list(backend.library())


def test_a_page_without_a_total_is_not_trusted(plex: FakePlex, backend: Plex) -> None:
    section = b'{"key": "1", "type": "movie", "title": "Films"}'
    body = b'{"MediaContainer": {"size": 0, "Directory": [' + section + b"]}}"
    answering = plex.answering(200, body=body, content_type="application/json")
    with answering, pytest.raises(ServerTrouble, match="does not tell how many"):
        list(backend.library())
