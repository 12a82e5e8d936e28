"""NFO files say more than names, and can do no harm."""

import contextlib
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mydia_web.backends.folder import nfo
from tests.backends.folder.conftest import Disk

HEAT = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<movie>
  <title>Heat &amp; Dust</title><year>1995</year><runtime>170</runtime>
  <uniqueid type="imdb" default="true">tt0113277</uniqueid><uniqueid type="tmdb">949</uniqueid>
  <uniqueid type="tmdbSet">12</uniqueid><playcount>3</playcount><watched>true</watched>
</movie>
"""

LAUGHS = """<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;">]>
<movie><title>&lol2;</title></movie>"""

FETCH = """<!DOCTYPE movie [<!ENTITY file SYSTEM "file:///etc/passwd">]><movie><title>&file;</title></movie>"""


@pytest.mark.parametrize(
    "name", ["Heat/heat.nfo", "Heat/movie.nfo", "Heat/Heat.nfo", "Heat/MOVIE.NFO"]
)
def test_a_films_nfo_says_what_the_film_is(disk: Disk, name: str) -> None:
    disk.put("Heat/heat.mkv")
    disk.put(name, content=HEAT)
    item = disk.only()
    assert (item.title, item.year, item.runtime_seconds) == ("Heat & Dust", 1995, 170 * 60)
    assert item.external_ids == {"imdb": "tt0113277", "tmdb": "949"}
    assert item.state is None


def test_the_nfo_of_one_film_is_not_that_of_its_neighbour(disk: Disk) -> None:
    disk.put("Heat (1995).mkv", "Ronin (1998).mkv")
    disk.put("Heat (1995).nfo", "movie.nfo", content=HEAT)
    assert [item.title for item in disk.items().values()] == ["Heat & Dust", "Ronin"]


def test_an_nfo_tells_a_film_from_an_episode(disk: Disk) -> None:
    disk.put("Agent 7/Agent 7 - 08.mkv", "Odd/Odd One.mkv")
    disk.put("Agent 7/Agent 7 - 08.nfo", content="<movie><title>Agent 7 - 08</title></movie>")
    disk.put("Odd/Odd One.nfo", content="""<episodedetails><title>One</title>
        <showtitle>Odd</showtitle><season>0</season><episode>0</episode>
        <aired>2020-02-03</aired></episodedetails>""")  # fmt: skip
    agent, odd = disk.items().values()
    assert (agent.kind, agent.title) == ("movie", "Agent 7 - 08")
    assert (odd.kind, odd.title, odd.season_number, odd.episode_number) == ("episode", "One", 0, 0)
    assert odd.air_date == date(2020, 2, 3)
    assert odd.show
    assert odd.show.title == "Odd"


def test_a_shows_nfo_says_what_the_show_is(disk: Disk) -> None:
    disk.put("sev/S01/e01.mkv", "sev/02.mkv")
    disk.put("sev/tvshow.nfo", content="""<tvshow><title>Severance</title>
        <premiered>2022-02-18</premiered><imdb_id>tt11280740</imdb_id><tmdbid>95396</tmdbid>
        <id>371980</id></tvshow>""")  # fmt: skip
    shows = [item.show for item in disk.items().values()]
    assert shows[0] == shows[1]
    assert shows[0]
    assert (shows[0].title, shows[0].year) == ("Severance", 2022)
    assert shows[0].external_ids == {"imdb": "tt11280740", "tmdb": "95396", "tvdb": "371980"}


def test_an_episodes_nfo_says_what_the_episode_is(disk: Disk) -> None:
    disk.put("Severance/Season 1/Severance - S01E02.mkv")
    disk.put("Severance/Season 1/Severance - S01E02.nfo", content="""<episodedetails>
        <title>Half Loop</title><season>1</season><episode>2</episode><aired>2022-02-18</aired>
        <runtime>53</runtime><uniqueid type="tvdb">8816416</uniqueid>
        </episodedetails>""")  # fmt: skip
    item = disk.only()
    assert (item.title, item.season_number, item.episode_number) == ("Half Loop", 1, 2)
    assert (item.air_date, item.runtime_seconds) == (date(2022, 2, 18), 53 * 60)
    assert item.external_ids == {"tvdb": "8816416"}


def test_an_nfo_of_two_episodes_has_a_record_for_each(disk: Disk) -> None:
    record = (
        "<episodedetails><title>{}</title><season>1</season><episode>{}</episode>"
        "</episodedetails>\n"
    )
    disk.put("Severance/Season 1/Severance - S01E01E02.mkv")
    disk.put(
        "Severance/Season 1/Severance - S01E01E02.nfo",
        content=record.format("One", 1) + record.format("Two", 2),
    )
    assert [(item.title, item.episode_number) for item in disk.items().values()] == [
        ("One", 1),
        ("Two", 2),
    ]


def test_an_nfo_of_the_first_episode_leaves_the_second_of_the_file(disk: Disk) -> None:
    disk.put("Severance/Season 1/Severance - S01E01E02.mkv")
    disk.put(
        "Severance/Season 1/Severance - S01E01E02.nfo",
        content="<episodedetails><title>One</title><season>1</season><episode>1</episode></episodedetails>",
    )
    assert [(item.title, item.episode_number) for item in disk.items().values()] == [
        ("One", 1),
        ("Episode 2", 2),
    ]


def test_links_after_the_record_are_read_for_ids(disk: Disk) -> None:
    disk.put("Heat (1995).mkv")
    disk.put(
        "Heat (1995).nfo",
        content="<movie><title>Heat</title></movie>\nhttps://www.themoviedb.org/movie/949-heat?a=1&b=2\n",
    )
    assert disk.only().external_ids == {"tmdb": "949"}
    assert disk.problems() == []


def test_a_release_groups_text_is_no_problem(disk: Disk) -> None:
    disk.put("Heat (1995).mkv")
    disk.put(
        "Heat (1995).nfo",
        content=b"\xdb\xdb\xb2 HEAT \xb2\xdb https://www.imdb.com/title/tt0113277/ \xdb",
    )
    assert disk.only().external_ids == {"imdb": "tt0113277"}
    assert disk.problems() == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (LAUGHS, "entities"),
        (FETCH, "entities"),
        (LAUGHS.encode("utf-16"), "entities"),
        (LAUGHS.replace("DOCTYPE", "doctype"), "entities"),
        ("<movie><title>Heat</movie>", "broken"),
        ("<movie><title>Heat</title>", "cut short"),
        (b"<?xml version='1.0' encoding='klingon'?><movie/>", "not text in klingon"),
        (b"<?xml version='1.0' encoding='zlib'?><movie></movie>", "not text in zlib"),
        (b"\xff\xfe<", "not text in utf-16"),
        ("<movie>" + " " * nfo.LARGEST, "larger than 1 MiB"),
    ],
)
def test_a_bad_nfo_is_told_and_its_film_listed_by_name(
    disk: Disk, content: str | bytes, words: str
) -> None:
    disk.put("Heat (1995).mkv")
    disk.put("Heat (1995).nfo", content=content)
    assert disk.only().title == "Heat"
    (problem,) = disk.problems()
    assert problem.startswith("“Heat (1995).nfo” was not read: ")
    assert words in problem


@pytest.mark.parametrize(
    ("content", "title"),
    [
        ("<movie><title>Angels & Ferries</title>", "Angels & Ferries"),
        ("<movie><title>Angels &amp; Ferries</title>", "Angels & Ferries"),
        ("<movie><title>Caf&eacute;&nbsp;A</title>", "Café A"),
        ("<movie><title>1 &times; 2</title>", "1 × 2"),
        ("<movie><title>A &lt; B &LT; C</title>", "A < B < C"),
        ("<movie><title>Nobody&nowhere;</title>", "Nobody&nowhere;"),
        ("<movie><title>a&b=c&#233;&#xE9;</title>", "a&b=céé"),
        ("<movie><title><![CDATA[A & B]]></title>", "A & B"),
        ("<movie><title>\x01Pier\x0b</title>", "Pier"),
        ("<movie><title>Amélie</title>".encode("latin-1"), "Amélie"),
        (
            "<?xml version='1.0' encoding='UTF-8'?><movie><title>Amélie</title>".encode("cp1252"),
            "Amélie",
        ),
    ],
)
def test_what_breaks_xml_and_is_meant_as_text_is_read(content: str | bytes, title: str) -> None:
    whole = (
        content.encode() if isinstance(content, str) else content
    ) + b"<id>tt0000161</id></movie>"
    (record,) = nfo.parsed(whole).records
    assert (record.title, record.ids) == (title, {"imdb": "tt0000161"})


@pytest.mark.parametrize(
    "release", ["RELEASED BY GRP", "see https://www.imdb.com/title/tt0000999/", "<movie><title>"]
)
def test_a_file_that_says_nothing_hides_no_other(disk: Disk, release: str) -> None:
    disk.put("Night Ferry (2001)/nf-grp.mkv")
    disk.put("Night Ferry (2001)/nf-grp.nfo", content=release)
    disk.put("Night Ferry (2001)/movie.nfo", content=HEAT)
    assert disk.only().external_ids == {"imdb": "tt0113277", "tmdb": "949"}


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("https://www.imdb.com/title/tt0000101/", {"imdb": "tt0000101"}),
        ("https://www.imdb.com/de/title/tt0000101/", {"imdb": "tt0000101"}),
        ("https://www.imdb.com/pt-br/title/tt0000101/?ref_=x", {"imdb": "tt0000101"}),
        ("http://m.imdb.com/title/tt0000101", {"imdb": "tt0000101"}),
        ("http://www.imdb.com/Title?0000101", {"imdb": "tt0000101"}),
        ("https://www.themoviedb.org/movie/949-heat?language=de-DE", {"tmdb": "949"}),
        ("https://www.themoviedb.org/tv/0949", {"tmdb": "949"}),
        ("https://www.thetvdb.com/?tab=series&id=371980", {"tvdb": "371980"}),
        ("https://thetvdb.com/index.php?tab=series&amp;id=371980&amp;lid=7", {"tvdb": "371980"}),
        ("https://www.thetvdb.com/dereferrer/series/371980", {"tvdb": "371980"}),
        ("https://thetvdb.com/series/pier-24", {}),
        ("https://www.imdb.com/title/tt0000101/ https://www.imdb.com/title/tt0000102/", {}),
    ],
)
def test_a_link_to_a_titles_page_tells_its_id(text: str, ids: dict[str, str]) -> None:
    assert nfo.parsed(text.encode()).linked_ids == ids


@pytest.mark.parametrize(
    ("elements", "ids"),
    [
        ("<uniqueid type='imdb'>TT0113277</uniqueid>", {"imdb": "tt0113277"}),
        ("<uniqueid type='IMDB'>0113277</uniqueid>", {"imdb": "tt0113277"}),
        ("<uniqueid type='themoviedb'>00949</uniqueid>", {"tmdb": "949"}),
        ("<tmdb_id>949</tmdb_id><tvdb_id>0371980</tvdb_id>", {"tmdb": "949", "tvdb": "371980"}),
        ("<id IMDB='tt0113277' TMDB='949'>12</id>", {"imdb": "tt0113277", "tmdb": "949"}),
        ("<id>tt0113277</id><id moviedb='tmdb'>949</id>", {"imdb": "tt0113277", "tmdb": "949"}),
        (
            "<ids><entry><key>imdb</key><value>tt0113277</value></entry></ids>",
            {"imdb": "tt0113277"},
        ),
        ("<uniqueid type='imdb'>113</uniqueid><uniqueid type='tmdb'>0</uniqueid>", {}),
    ],
)
def test_an_id_is_one_however_it_is_written(elements: str, ids: dict[str, str]) -> None:
    (record,) = nfo.parsed(f"<movie>{elements}</movie>".encode()).records
    assert record.ids == ids


def test_a_bad_nfo_of_a_show_is_told_once(disk: Disk) -> None:
    disk.put("Severance/Season 1/S01E01.mkv", "Severance/Season 1/S01E02.mkv")
    disk.put("Severance/tvshow.nfo", content="<tvshow><title></tvshow>")
    assert len(disk.problems()) == 1
    assert len(disk.items()) == 2


@pytest.mark.parametrize(
    "content",
    [
        "<?xml version='1.0' encoding='ISO-8859-1'?><movie><title>Amélie</title></movie>".encode(
            "latin-1"
        ),
        "<?xml version='1.0' encoding='UTF-16'?><movie><title>Amélie</title></movie>".encode(
            "utf-16"
        ),
        b"\xef\xbb\xbf" + "<?xml version='1.0'?><movie><title>Amélie</title></movie>".encode(),
    ],
)
def test_an_nfo_may_be_written_in_any_encoding_it_names(content: bytes) -> None:
    assert nfo.parsed(content).records[0].title == "Amélie"


def test_markup_in_a_title_stays_text() -> None:
    (record,) = nfo.parsed(
        b"<movie><title>&lt;script&gt;alert(1)&lt;/script&gt;</title></movie>"
    ).records
    assert record.title == "<script>alert(1)</script>"


def test_a_link_to_an_nfo_outside_is_not_read(disk: Disk) -> None:
    (disk.path.parent / "outside.nfo").write_text(HEAT)
    disk.put("Heat (1995).mkv")
    (disk.path / "Heat (1995).nfo").symlink_to(disk.path.parent / "outside.nfo")
    assert disk.only().external_ids == {}


def test_the_id_beside_unique_ids_is_of_no_known_provider() -> None:
    kodi = b"<tvshow><id>95396</id><uniqueid type='tmdb' default='true'>95396</uniqueid></tvshow>"
    assert nfo.parsed(kodi).records[0].ids == {"tmdb": "95396"}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("118", 7080),
        ("118 min", 7080),
        ("1h 58m", 7080),
        ("2h", 7200),
        ("118.0", 7080),
        ("0", None),
        ("long", None),
    ],
)
def test_a_running_time_is_in_minutes(text: str, seconds: int | None) -> None:
    (record,) = nfo.parsed(f"<movie><runtime>{text}</runtime></movie>".encode()).records
    assert record.runtime_seconds == seconds


@pytest.mark.parametrize("text", ["-1", "", "1e9", "٣", "99999999999999999999", "S1"])
def test_a_number_that_is_none_is_no_number(text: str) -> None:
    record = nfo.parsed(
        f"<episodedetails><season>{text}</season><aired>{text}</aired></episodedetails>".encode()
    )
    assert (record.records[0].season, record.records[0].air_date) == (None, None)


def test_a_thousand_openings_are_read_in_a_moment() -> None:
    with pytest.raises(nfo.NfoError, match="cut short"):
        nfo.parsed(b"<movie>" * (nfo.LARGEST // 7))


@given(
    st.binary(max_size=200)
    | st.binary(max_size=60).map(lambda junk: b"<movie><title>" + junk + b"</title></movie>")
)
def test_no_bytes_stop_the_reading(content: bytes) -> None:
    with contextlib.suppress(nfo.NfoError):
        nfo.parsed(content)


def test_a_deep_nest_of_elements_is_borne() -> None:
    depth = nfo.LARGEST // 8
    (record,) = nfo.parsed(
        b"<movie><title>" + b"<a>" * depth + b"</a>" * depth + b"</title></movie>"
    ).records
    assert record.title == ""
