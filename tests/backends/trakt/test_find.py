"""Finding a title by its own ids first, then by its show and number; and its web page."""

import pytest

from mydia_web.backends.errors import NotOnServer
from mydia_web.backends.trakt import Trakt
from mydia_web.backends.values import Connection, Target
from tests.fakes.trakt import FakeTrakt


def episode(**other: object) -> Target:
    return Target(**{"remote_id": "", "kind": "episode", **other})  # type: ignore[arg-type]


@pytest.mark.parametrize("ids", [{"imdb": "tt1727587"}, {"tmdb": "45745"}])
def test_a_film_is_found_by_its_ids(trakt: FakeTrakt, backend: Trakt, ids: dict[str, str]) -> None:
    trakt.add_movie("Other", imdb="tt1", tmdb=1)
    trakt.add_movie("Sintel", imdb="tt1727587", tmdb=45745)
    assert backend.find(Target(remote_id="", kind="movie", external_ids=ids)) == "movie:2"


def test_the_next_id_is_tried_where_one_is_unknown(trakt: FakeTrakt, backend: Trakt) -> None:
    trakt.add_movie("Sintel", tmdb=45745)
    ids = {"imdb": "tt7", "tmdb": "45745"}
    assert backend.find(Target(remote_id="", kind="movie", external_ids=ids)) == "movie:1"


def test_an_id_of_a_show_finds_no_film(trakt: FakeTrakt, backend: Trakt) -> None:
    trakt.add_show("Harbour Lights", tmdb=45745)
    with pytest.raises(NotOnServer, match="no title by these ids"):
        backend.find(Target(remote_id="", kind="movie", external_ids={"tmdb": "45745"}))


def test_an_episode_is_found_by_its_own_ids(trakt: FakeTrakt, backend: Trakt) -> None:
    show = trakt.add_show("Harbour Lights")
    trakt.add_episode(show, 1, 1, tvdb=991001)
    trakt.add_episode(show, 1, 2, tvdb=991002)
    assert backend.find(episode(external_ids={"tvdb": "991002"})) == "episode:2"
    assert len(trakt.exchanges) == 1


@pytest.mark.parametrize(("season", "number"), [(0, 0), (1, 2)])
def test_an_episode_is_found_by_its_show_and_number(
    trakt: FakeTrakt, backend: Trakt, season: int, number: int
) -> None:
    other, show = trakt.add_show("Other", tvdb=1), trakt.add_show("Harbour Lights", tvdb=990001)
    trakt.add_episode(other, season, number)
    trakt.add_episode(show, season, number)
    target = episode(
        show_external_ids={"imdb": "tt7", "tvdb": "990001"},
        season_number=season,
        episode_number=number,
    )
    assert backend.find(target) == "episode:2"


def test_the_id_of_the_show_on_an_episode_does_no_harm(trakt: FakeTrakt, backend: Trakt) -> None:
    show = trakt.add_show("Harbour Lights", imdb="tt9000001")
    trakt.add_episode(show, 1, 1)
    ids = {"imdb": "tt9000001"}
    found = backend.find(
        episode(external_ids=ids, show_external_ids=ids, season_number=1, episode_number=1)
    )
    assert found == "episode:1"


def test_a_show_is_looked_up_once(trakt: FakeTrakt, backend: Trakt) -> None:
    show = trakt.add_show("Harbour Lights", imdb="tt9000001")
    for number in range(1, 6):
        trakt.add_episode(show, 1, number)
        ids = {"imdb": "tt9000001"}
        backend.find(episode(show_external_ids=ids, season_number=1, episode_number=number))
    assert len([one for one in trakt.exchanges if "/search/" in one.path]) == 1
    assert len(trakt.exchanges) == 6


def test_an_unknown_episode_is_named(trakt: FakeTrakt, backend: Trakt) -> None:
    trakt.add_show("Harbour Lights", imdb="tt9000001")
    target = episode(show_external_ids={"imdb": "tt9000001"}, season_number=3, episode_number=9)
    with pytest.raises(
        NotOnServer, match="knows “Harbour Lights”, but no episode 9 of its season 3"
    ):
        backend.find(target)


@pytest.mark.parametrize(
    "target",
    [
        episode(),
        episode(show_external_ids={"imdb": "tt7"}, season_number=1, episode_number=1),
        episode(show_external_ids={"imdb": "tt9000001"}, season_number=1),
        Target(remote_id="", kind="movie"),
        Target(
            remote_id="",
            kind="movie",
            external_ids={"imdb": "../users/settings", "anidb": "5", "tmdb": "0"},
        ),
        Target(remote_id="episode:1", kind="movie"),
    ],
)
def test_what_cannot_be_found_is_not_on_the_server(
    trakt: FakeTrakt, backend: Trakt, target: Target
) -> None:
    trakt.add_episode(trakt.add_show("Harbour Lights", imdb="tt9000001"), 1, 1)
    with pytest.raises(NotOnServer):
        backend.find(target)
    assert all(one.path.startswith(("/search/imdb/tt", "/shows/")) for one in trakt.exchanges)


def test_a_title_with_its_remote_id_is_not_looked_up(trakt: FakeTrakt, backend: Trakt) -> None:
    assert (
        backend.find(Target(remote_id="movie:5", kind="movie", external_ids={"imdb": "tt7"}))
        == "movie:5"
    )
    assert trakt.exchanges == []


@pytest.mark.parametrize(
    ("target", "link"),
    [
        (
            Target(remote_id="movie:28", kind="movie", external_ids={"imdb": "tt1", "tmdb": "2"}),
            "imdb/tt1",
        ),
        (Target(remote_id="", kind="movie", external_ids={"tmdb": "2"}), "tmdb/2?id_type=movie"),
        (Target(remote_id="movie:28", kind="movie"), "trakt/28?id_type=movie"),
        (episode(external_ids={"tvdb": "3"}), "tvdb/3?id_type=episode"),
        (
            episode(remote_id="episode:16", show_external_ids={"tmdb": "4"}),
            "trakt/16?id_type=episode",
        ),
        (episode(show_external_ids={"tmdb": "4"}), "tmdb/4?id_type=show"),
    ],
)
def test_a_link_asks_nothing(trakt: FakeTrakt, backend: Trakt, target: Target, link: str) -> None:
    assert Trakt.web_link(Connection(trakt.url), target) == f"https://trakt.tv/search/{link}"
    assert trakt.exchanges == []


def test_without_any_id_there_is_no_link() -> None:
    there = Connection("https://api.trakt.tv")
    assert (
        Trakt.web_link(
            there, Target(remote_id="", kind="movie", external_ids={"imdb": "javascript:alert(1)"})
        )
        == ""
    )
