"""Ids of today's agents, and those that older agents left behind."""

import pytest

from mydia_web.backends.plex.mapping import external_ids, show_ids


@pytest.mark.parametrize(
    ("guids", "ids"),
    [
        (
            ["imdb://tt1254207", "tmdb://10378", "tvdb://3"],
            {"imdb": "tt1254207", "tmdb": "10378", "tvdb": "3"},
        ),
        (["IMDB://tt1254207"], {"imdb": "tt1254207"}),
        (["tvdb://1", "tvdb://2"], {"tvdb": "1"}),
        (["imdb://1254207", "tmdb://0", "tvdb://", "tmdb://x", "mbid://9", "", "tt1"], {}),
    ],
)
def test_the_ids_of_todays_agents(guids: list[str], ids: dict[str, str]) -> None:
    assert external_ids(guids, "plex://movie/5d776825880197001ec90394") == ids


@pytest.mark.parametrize(
    ("guid", "ids", "of_show"),
    [
        (
            "com.plexapp.agents.imdb://tt1254207?lang=en",
            {"imdb": "tt1254207"},
            {"imdb": "tt1254207"},
        ),
        ("com.plexapp.agents.themoviedb://10378?lang=en", {"tmdb": "10378"}, {"tmdb": "10378"}),
        ("com.plexapp.agents.thetvdb://81189?lang=en", {"tvdb": "81189"}, {"tvdb": "81189"}),
        ("com.plexapp.agents.thetvdb://81189/1/2?lang=en", {}, {"tvdb": "81189"}),
        ("com.plexapp.agents.themoviedb://1399/0/0?lang=en", {}, {"tmdb": "1399"}),
        ("com.plexapp.agents.hama://tvdb-81797/22/70?lang=en", {}, {"tvdb": "81797"}),
        ("com.plexapp.agents.hama://tvdb4-81797?lang=en", {"tvdb": "81797"}, {"tvdb": "81797"}),
        ("com.plexapp.agents.hama://anidb-69?lang=en", {}, {}),
        (
            "com.plexapp.agents.xbmcnfo://tt1254207?lang=xn",
            {"imdb": "tt1254207"},
            {"imdb": "tt1254207"},
        ),
        ("com.plexapp.agents.xbmcnfo://10378?lang=xn", {}, {}),
        ("com.plexapp.agents.none://3f2c?lang=xn", {}, {}),
        ("plex://movie/5d776825880197001ec90394", {}, {}),
        ("local://1234", {}, {}),
        ("", {}, {}),
    ],
)
def test_the_ids_of_older_agents(guid: str, ids: dict[str, str], of_show: dict[str, str]) -> None:
    assert (external_ids([], guid), show_ids(guid)) == (ids, of_show)
