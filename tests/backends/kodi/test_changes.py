"""What changed since: plays, stops and marks leave a date behind, and a new title has one of its
file.
"""

from datetime import UTC, datetime, timedelta

import pytest

from mydia_web.backends.errors import ServerTrouble
from mydia_web.backends.kodi import Kodi, library
from mydia_web.backends.kodi.zone import FORMAT
from mydia_web.backends.values import LibraryPage, RemoteItem, RemoteState
from tests.fakes.kodi import FakeKodi

#: 10 in the morning in New York.
SINCE = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
AFTER, LONG_BEFORE = "2026-11-20 10:20:30", "2026-11-19 10:20:30"


def changed(backend: Kodi, since: datetime = SINCE) -> list[RemoteItem]:
    return [item for page in backend.changes(since) for item in page.items]


def titles(backend: Kodi, since: datetime = SINCE) -> list[str]:
    return [item.title for item in changed(backend, since)]


#: What is new in both, and how many there are in all.
BOTH_AND_THEIR_NUMBERS = ["VideoLibrary.GetMovies", "VideoLibrary.GetEpisodes"] * 2


def requests(kodi: FakeKodi) -> list[list[str]]:
    """The methods of each request after the one for the time."""
    return [one.methods for one in kodi.exchanges[1:]]


def test_plays_and_positions_are_changes_and_old_ones_are_not(
    kodi: FakeKodi, backend: Kodi
) -> None:
    kodi.add_movie("Played", playcount=1, lastplayed=AFTER)
    kodi.add_movie("Played long ago", playcount=1, lastplayed=LONG_BEFORE)
    kodi.add_movie("Never played")
    show = kodi.add_show("Harbour Lights", tvdb="990001")
    kodi.add_episode(show, 1, 1, "Stopped", lastplayed=AFTER, position=600)
    kodi.add_episode(show, 1, 2, "Stopped long ago", lastplayed=LONG_BEFORE, position=600)
    film, episode = changed(backend)
    at = datetime(2026, 11, 20, 15, 20, 30, tzinfo=UTC)
    assert (film.title, film.state) == (
        "Played",
        RemoteState(watched=True, position_ms=0, play_count=1, last_played_at=at),
    )
    assert (episode.title, episode.state) == (
        "Stopped",
        RemoteState(watched=False, position_ms=600_000, play_count=0, last_played_at=at),
    )
    assert episode.show
    assert episode.show.external_ids == {"tvdb": "990001"}


def test_films_episodes_and_the_shows_of_these_take_a_request_each_for_time_titles_and_shows(
    kodi: FakeKodi, backend: Kodi
) -> None:
    for name in ("Harbour Lights", "The Long Orbit", "Untouched"):
        show = kodi.add_show(name, episodes=3)
        for episode in show.episodes if name != "Untouched" else ():
            episode.played.lastplayed = AFTER
    assert len(changed(backend)) == 6
    assert requests(kodi) == [BOTH_AND_THEIR_NUMBERS, ["VideoLibrary.GetTVShowDetails"] * 2]


def test_a_title_that_comes_new_is_a_change(kodi: FakeKodi, backend: Kodi) -> None:
    kodi.add_movie("New").dateadded = AFTER
    kodi.add_movie("Old").dateadded = LONG_BEFORE
    kodi.add_movie("Of no date").dateadded = ""
    assert titles(backend) == ["New"]


def test_without_news_there_is_one_empty_page_after_one_request(
    kodi: FakeKodi, backend: Kodi
) -> None:
    for number in range(600):
        kodi.add_movie(f"Film {number}", playcount=1, lastplayed=LONG_BEFORE)
    kodi.add_show("Harbour Lights", episodes=20)
    assert list(backend.changes(SINCE)) == [
        LibraryPage(items=[], done=0, total=0, problems=[], library_size=620)
    ]
    assert requests(kodi) == [BOTH_AND_THEIR_NUMBERS]


@pytest.mark.parametrize("tells_zone", [True, False])
def test_the_hour_that_comes_twice_hides_nothing(
    kodi: FakeKodi, backend: Kodi, monkeypatch: pytest.MonkeyPatch, *, tells_zone: bool
) -> None:
    """On 1 November, at 6:00 UTC, New York's clocks went from 1:59 back to 1:00."""
    since, played = (datetime(2026, 11, 1, *at, tzinfo=UTC) for at in ((5, 50), (6, 5)))
    now = played + timedelta(minutes=1)
    monkeypatch.setattr("mydia_web.clock.read", lambda: now)
    kodi.now, kodi.tells_zone = lambda: played, tells_zone
    assert kodi.local_now() < f"{since - timedelta(hours=4):{FORMAT}}"
    kodi.add_movie("Sintel", playcount=1, lastplayed=kodi.local_now())
    assert titles(backend, since) == ["Sintel"]


def test_more_than_a_page_is_read_page_by_page_and_the_shorter_list_once(
    kodi: FakeKodi, backend: Kodi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "PAGE", 2)
    for number in range(5):
        kodi.add_movie(f"Film {number}", playcount=1, lastplayed=AFTER)
    kodi.add_show("Harbour Lights", episodes=1).episodes[0].played.lastplayed = AFTER
    pages = list(backend.changes(SINCE))
    assert [(len(page.items), page.done, page.total) for page in pages] == [
        (3, 3, 6),
        (2, 5, 6),
        (1, 6, 6),
    ]
    films = ["VideoLibrary.GetMovies"]
    shows = ["VideoLibrary.GetTVShowDetails"]
    assert requests(kodi) == [BOTH_AND_THEIR_NUMBERS, shows, films, films]


def test_what_is_unwatched_while_we_read_spoils_the_reading(
    kodi: FakeKodi, backend: Kodi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "PAGE", 2)
    films = [kodi.add_movie(f"Film {number}", playcount=1, lastplayed=AFTER) for number in range(3)]
    pages = backend.changes(SINCE)
    next(pages)
    films[0].played.lastplayed = ""
    with pytest.raises(ServerTrouble, match="It will be read again"):
        list(pages)


def test_an_episode_whose_show_is_gone_spoils_nothing_else(kodi: FakeKodi, backend: Kodi) -> None:
    gone, kept = (kodi.add_show(name, episodes=1) for name in ("Gone", "Kept"))
    for show in (gone, kept):
        show.episodes[0].played.lastplayed = AFTER
    del kodi.shows[gone.id]
    (page,) = backend.changes(SINCE)
    assert [item.show and item.show.title for item in page.items] == ["Kept"]
    assert len(page.problems) == 1


def test_what_has_no_date_is_found_by_reading_everything(kodi: FakeKodi, backend: Kodi) -> None:
    """A mark that is taken away, and a position that some program wrote: why `changes` alone is not
    enough.
    """
    unwatched = kodi.add_movie("Unwatched", playcount=1, lastplayed=AFTER)
    unwatched.played.playcount, unwatched.played.lastplayed = 0, ""
    kodi.add_movie("Begun", position=600)
    assert titles(backend) == []
    states = {item.title: item.state for page in backend.library() for item in page.items}
    assert states == {
        "Unwatched": RemoteState(watched=False),
        "Begun": RemoteState(watched=False, position_ms=600_000),
    }
