"""What a source's items are, by what they tell of themselves and by what the source lists beside
them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import select

from mydia_web.accounts.models import User
from mydia_web.backends.values import LibraryPage, RemoteItem, RemoteShow, Target
from mydia_web.clock import now
from mydia_web.db import begin_write, db
from mydia_web.library.models import Episode, ExternalId, MediaItem
from mydia_web.playback import get_progress, mark_watched
from mydia_web.sources.accounts import accounts_of, get_source
from mydia_web.sources.models import Source, SourceItem, UnmatchedItem
from mydia_web.sync.inbound.pull import AccountPull
from mydia_web.sync.inbound.removals import forget_copies, missing_copies
from mydia_web.sync.inbound.report import Report
from tests.cast import add_server

Read = Callable[..., None]


def film(remote_id: str, title: str, year: int | None = None, **ids: str) -> RemoteItem:
    return RemoteItem(
        remote_id=remote_id,
        kind="movie",
        title=title,
        external_ids=ids,
        year=year,
        path=f"/{remote_id}.mkv",
    )


def episode(
    remote_id: str, place: str, title: str = "", show: str | RemoteShow = "Pier", **ids: str
) -> RemoteItem:
    season, number = (int(one) for one in place.split("x"))
    return RemoteItem(
        remote_id=remote_id,
        kind="episode",
        title=title or f"Episode {number}",
        external_ids=ids,
        show=RemoteShow(title=show, year=2023) if isinstance(show, str) else show,
        season_number=season,
        episode_number=number,
        path=f"/{remote_id}.mkv",
    )


@pytest.fixture
def sources(alice: User) -> dict[str, int]:
    found = {name: add_server(name, alice).id for name in ("A", "B")}
    db.session.commit()
    return found


@pytest.fixture
def read(sources: dict[str, int]) -> Read:
    """Read pages of a source, one after the other, all of it or only what is new."""

    def reading(*pages: Sequence[RemoteItem], on: str = "A", is_whole: bool = True) -> None:
        source = get_source(sources[on])
        began_at = now()
        [account] = accounts_of(source.id)
        pull = AccountPull(source, account, Report())
        for page in pages:
            changed = pull.changes_on(LibraryPage(items=page, done=len(page), total=len(page)))
            db.session.rollback()
            begin_write()
            pull.take(changed, began_at)
            db.session.commit()
        begin_write()
        pull.finish(is_whole=is_whole)
        if is_whole:
            listed = {item.remote_id for page in pages for item in page}
            forget_copies(source.id, missing_copies(source.id, listed, began_at)[0])
        db.session.commit()
        db.session.expire_all()

    return reading


def held(on: str = "A") -> dict[str, str]:
    """By remote id, what it is: a film with its year, or `1x02` of a show."""
    query = (
        select(SourceItem).join(Source, Source.id == SourceItem.source_id).where(Source.name == on)
    )
    return {row.remote_id: _words(row) for row in db.session.scalars(query)}


def _words(row: SourceItem) -> str:
    if row.episode_id is None:
        title = db.session.get_one(MediaItem, row.media_item_id)
        return f"{title.title} {title.year or '?'}"
    found = db.session.get_one(Episode, row.episode_id)
    show = db.session.get_one(MediaItem, found.media_item_id)
    return f"{show.title} {found.season_number}x{found.episode_number:02}"


def unrecognised() -> dict[str, str]:
    return {row.remote_id: row.reason for row in db.session.scalars(select(UnmatchedItem))}


def orders(items: Sequence[RemoteItem]) -> Iterator[Any]:
    for some in permutations(items):
        yield pytest.param(some, id=" ".join(item.remote_id for item in some))


SHOW = RemoteShow(title="Pier", year=2023, external_ids={"tmdb": "909867"})


@pytest.mark.parametrize("in_pages_of", [1, 2, 4])
@pytest.mark.parametrize("value", ["909867", "5551"])
def test_an_id_that_several_numbers_carry_is_no_episodes(read, value, in_pages_of):
    items = [
        episode(str(number), f"1x{number}", f"T{number}", SHOW, tmdb=value)
        for number in range(1, 5)
    ]
    pages = [items[start : start + in_pages_of] for start in range(0, 4, in_pages_of)]
    expected = {str(number): f"Pier 1x0{number}" for number in range(1, 5)}
    for _ in range(2):
        read(*pages)
        assert held() == expected
    # One of them by itself, as after a play: nobody takes it for another.
    read([replace(items[2], title="Renamed")], is_whole=False)
    read([replace(items[2], remote_id="copy", path="/copy.mkv")], is_whole=False)
    assert held() == {**expected, "copy": "Pier 1x03"}


def test_a_wrong_merge_of_before_is_mended_by_the_next_reading(read):
    items = [episode(str(number), f"1x{number}", f"T{number}", tmdb="5551") for number in (1, 2, 3)]
    read(items[:1])
    [known] = db.session.scalars(select(SourceItem))
    for number in ("2", "3"):
        more = SourceItem(source_id=known.source_id, remote_id=number, path=f"/{number}.mkv")
        more.episode_id = known.episode_id
        db.session.add(more)
    db.session.commit()
    read(items)
    assert held() == {"1": "Pier 1x01", "2": "Pier 1x02", "3": "Pier 1x03"}
    assert not db.session.scalars(select(ExternalId).where(ExternalId.kind == "episode")).all()


def test_the_order_of_another_server_is_known_by_the_ids(read):
    """Two copies of an episode that has another number there, on one page or on two."""
    read([episode("1", "1x1", "One", tvdb="71"), episode("2", "1x2", "Two", tvdb="72")])
    other = [episode("a", "1x5", "Zwei", tvdb="72"), episode("b", "1x5", "Zwei", tvdb="72")]
    read(other[:1], other[1:], on="B")
    assert held("B") == {"a": "Pier 1x02", "b": "Pier 1x02"}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        pytest.param(
            episode("b", "1x2", "Deux", "Quai", tvdb="72"),
            "Pier 1x02",
            id="the show has another name",
        ),
        pytest.param(
            episode("b", "4x9", "Two", "Quai", tvdb="72"), "Pier 1x02", id="… and another order"
        ),
        pytest.param(
            episode("b", "4x9", "Neuf", "Quai", tvdb="72"), "Quai 4x09", id="nothing but a number"
        ),
        pytest.param(
            episode(
                "b",
                "1x2",
                "Deux",
                RemoteShow(title="Quai", year=None, external_ids={"tvdb": "8"}),
                tvdb="72",
            ),
            "Quai 1x02",
            id="a catalogue knows another show",
        ),
        pytest.param(
            episode("b", "1x1", "Two", tvdb="72"), "Pier 1x02", id="the title decides for the id"
        ),
        pytest.param(
            episode("b", "1x1", "One", tvdb="72"),
            "Pier 1x01",
            id="the title decides for the number",
        ),
        pytest.param(
            episode("b", "1x2", "x", tvdb="7"), "Pier 1x02", id="the id is that of the show"
        ),
    ],
)
def test_an_id_is_weighed_with_show_number_and_title(read, told, expected):
    show = RemoteShow(title="Pier", year=2023, external_ids={"tvdb": "7"})
    read([episode("1", "1x1", "One", show, tvdb="71"), episode("2", "1x2", "Two", show, tvdb="72")])
    read([told], on="B")
    assert held("B") == {"b": expected}


DUST = film("dust", "Dust", 1984, imdb="tt0000300", tmdb="11")
SAND = film("sand", "Sand", 2001, imdb="tt0000301", tmdb="12")


@pytest.mark.parametrize("known", list(permutations([DUST, SAND])))
@pytest.mark.parametrize("ids", list(permutations({"imdb": "tt0000300", "tmdb": "12"}.items())))
@pytest.mark.parametrize(
    ("title", "year", "expected"),
    [
        ("Sand", 2001, "Sand 2001"),
        ("Sand", 2002, "Sand 2001"),
        ("Dust", 1984, "Dust 1984"),
        ("Ash", 2001, None),
    ],
)
def test_ids_that_disagree_are_decided_by_name_and_year_or_not_at_all(
    read, known, ids, title, year, expected
):
    read(known)
    read([film("b", title, year, **dict(ids))], on="B")
    assert held("B").get("b") == expected
    assert ("b" in unrecognised()) is (expected is None)


@pytest.mark.parametrize(
    "items",
    orders(
        [
            film("1", "First Ring", 2001, tmdb="5"),
            film("2", "Second Ring", 2002, tmdb="5"),
            film("3", "Third Ring", 2003, tmdb="5"),
        ]
    ),
)
@pytest.mark.parametrize("in_pages_of", [1, 3])
def test_the_id_of_a_collection_is_no_films(read, items, in_pages_of):
    for _ in range(2):
        read(*[items[start : start + in_pages_of] for start in range(0, 3, in_pages_of)])
    assert held() == {"1": "First Ring 2001", "2": "Second Ring 2002", "3": "Third Ring 2003"}


def test_shows_that_carry_one_id_are_two(read):
    one, two = (
        RemoteShow(title=name, year=year, external_ids={"tvdb": "5"})
        for name, year in (("Naro", 2002), ("Naro Dai", 2007))
    )
    read([episode("1", "1x1", "x", one), episode("2", "1x1", "y", two)])
    assert held() == {"1": "Naro 1x01", "2": "Naro Dai 1x01"}


@pytest.mark.parametrize("name", ["movie", "01", "Episode 1", "第1話", "VTS_01_1"])
def test_a_name_of_any_file_is_not_recognised(read, name):
    read([film("1", name), film("2", name)])
    read([film("1", name)], on="B")
    assert (held(), held("B")) == ({}, {})
    assert len(db.session.scalars(select(UnmatchedItem)).all()) == 3


def test_a_name_of_any_film_with_a_year_or_an_id_is_one(read):
    read([film("1", "Movie", 2010), film("2", "300", None, imdb="tt0416449")])
    assert held() == {"1": "Movie 2010", "2": "300 ?"}


def test_what_the_backend_could_not_read_is_listed_with_its_reason(read):
    read([replace(film("1", "Heat", 1995), not_recognised="Its name tells nothing.")])
    assert (held(), unrecognised()) == ({}, {"1": "Its name tells nothing."})


@pytest.mark.parametrize("items", orders([film("1", "Garden Party"), film("2", "Garden Party")]))
@pytest.mark.parametrize("in_pages_of", [1, 2])
def test_two_files_of_one_name_without_year_and_id_are_never_one(read, items, in_pages_of):
    for _ in range(3):
        read(*[items[start : start + in_pages_of] for start in range(0, 2, in_pages_of)])
        first, second = (item.remote_id for item in items)
        assert held() == {first: "Garden Party ?"}
        assert list(unrecognised()) == [second]
    read(items[::-1])
    assert held() == {first: "Garden Party ?"}


def test_two_files_that_were_one_film_before_are_told_apart(read):
    read([film("1", "Garden Party")])
    [known] = db.session.scalars(select(SourceItem))
    db.session.add(
        SourceItem(source_id=known.source_id, remote_id="2", media_item_id=known.media_item_id)
    )
    db.session.commit()
    read([film("1", "Garden Party"), film("2", "Garden Party")])
    assert held() == {"1": "Garden Party ?"}


@pytest.mark.parametrize("in_pages_of", [1, 2])
def test_a_file_that_was_renamed_is_the_film_it_was(read, in_pages_of):
    """Its name alone tells; the file of before is still known while the listing is read."""
    read([film("old", "Garden Party"), film("x", "Heat", 1995)])
    [before] = db.session.scalars(
        select(SourceItem.media_item_id).where(SourceItem.remote_id == "old")
    )
    read(*[[film("new", "Garden Party")], [film("x", "Heat", 1995)]][: 3 - in_pages_of])
    assert db.session.scalars(
        select(SourceItem.media_item_id).where(SourceItem.remote_id == "new")
    ).all() == [before]


def test_a_part_of_a_listing_does_not_say_that_a_file_is_gone(read):
    read([film("old", "Garden Party")])
    read([film("new", "Garden Party")], is_whole=False)
    assert (held(), list(unrecognised())) == ({"old": "Garden Party ?"}, ["new"])


def test_a_name_joins_what_two_sources_have_where_each_has_one(read):
    read([film("1", "Garden Party")])
    read([film("2", "Garden Party")], on="B")
    assert (held(), held("B")) == ({"1": "Garden Party ?"}, {"2": "Garden Party ?"})


@pytest.mark.parametrize("first", [0, 1])
def test_a_second_entry_of_an_account_service_is_left_alone(household, alice, first):
    """Each run would else add a play to the other one, and take its paused position away."""
    server = household.add("trakt")
    entries = [
        server.bench.trakt.add_movie("Heat", year=1995, minutes=170, imdb="tt0113277")
        for _ in range(2)
    ]
    targets = [
        Target(remote_id=one.remote_id, kind="movie", external_ids={"imdb": "tt0113277"})
        for one in entries
    ]
    server.bench.person_watches(targets[first], now() - timedelta(days=3))
    household.settle()
    server.bench.person_stops_at(targets[1 - first], 1_200_000, now() - timedelta(days=2))
    before = server.bench.writes()
    for _ in range(2):
        household.settle()
    assert server.bench.writes() == before
    assert held("Trakt") == {targets[first].remote_id: "Heat 1995"}
    assert list(unrecognised()) == [targets[1 - first].remote_id]
    mark_watched(
        alice.id, db.session.query(MediaItem).filter_by(title="Heat").one(), at=now(), again=True
    )
    household.drain()
    assert (
        server.bench.held(targets[first]).play_count,
        server.bench.held(targets[1 - first]).play_count,
    ) == (2, 0)


@pytest.mark.parametrize("address", ["tautulli", "plex"])
@pytest.mark.parametrize(
    "guids",
    [
        pytest.param(("tvdb://77001", "tvdb://77001"), id="of the show"),
        pytest.param(("tvdb://991001", "tvdb://991002"), id="of the episodes"),
        pytest.param((), id="none"),
    ],
)
def test_a_template_in_the_shape_of_plex_finds_each_episode(household, alice, address, guids):
    server = household.add("plex")
    for number in (1, 2):
        server.bench.add_episode("Pier", 1, number, tvdb=f"99100{number}")
    server.pull()
    for number in (1, 2):
        told = {
            "type": "episode",
            "title": f"T{number}",
            "grandparentTitle": "Pier",
            "duration": 2_700_000,
        }
        told |= {
            "parentIndex": 1,
            "index": number,
            "Guid": [{"id": one} for one in guids[number - 1 : number]],
        }
        # Plex itself says whether it speaks to the owner.
        sender = {"owner": True} if address == "plex" else {}
        assert "applied" in server.sends(
            {"event": "media.scrobble", "Metadata": told, **sender}, kind=address
        )
    [show] = db.session.scalars(select(MediaItem).where(MediaItem.title == "Pier"))
    episodes = db.session.scalars(select(Episode).where(Episode.media_item_id == show.id)).all()
    assert sorted(
        (one.episode_number, get_progress(alice.id, one).watched) for one in episodes
    ) == [
        (1, True),
        (2, True),
    ]


def test_ids_of_an_event_without_a_show_need_the_number_or_the_title(household, alice):
    """A show's id may be that of another show's episode."""
    server = household.add("kodi")
    server.bench.add_episode("Harbour", 4, 10, tvdb="991000")
    server.pull()
    told = {"event": "watched", "user": "alice", "type": "episode", "ids": {"tvdb": "991000"}}
    server.sends({**told, "title": "Six", "season": 3, "episode": 6}, kind="generic")
    [episode] = db.session.scalars(select(Episode).where(Episode.season_number == 4))
    assert get_progress(alice.id, episode) is None
    server.sends({**told, "season": 4, "episode": 10}, kind="generic")
    assert get_progress(alice.id, episode).watched
