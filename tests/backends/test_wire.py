"""An id has one spelling, however it was written."""

import pytest

from mydia_web.backends import wire
from mydia_web.backends.folder import ids


@pytest.mark.parametrize(
    ("name", "value", "spelled"),
    [
        ("imdb", "tt0113277", ("imdb", "tt0113277")),
        ("IMDb", "TT0113277", ("imdb", "tt0113277")),
        ("imdb", " 0113277 ", ("imdb", "tt0113277")),
        ("imdb", "10872600", ("imdb", "tt10872600")),
        ("whoever", "tt0113277", ("imdb", "tt0113277")),
        ("imdb", "949", None),
        ("imdb", "0000000", None),
        ("tmdb", "00949", ("tmdb", "949")),
        ("TheMovieDb", "949", ("tmdb", "949")),
        ("tvdb_id", "371980", ("tvdb", "371980")),
        ("tmdb", "0", None),
        ("tmdb", "-1", None),
        ("tmdb", "٩٤٩", None),
        ("anidb", "69", None),
        ("", "", None),
    ],
)
def test_an_id_has_one_spelling(name: str, value: str, spelled: tuple[str, str] | None) -> None:
    assert wire.canonical_id(name, value) == spelled
    assert wire.external_ids([(name, value)]) == dict([spelled] if spelled else [])


@pytest.mark.parametrize(
    ("name", "rest", "found"),
    [
        ("A (2001) {imdb-0113277}", "A (2001)", {"imdb": "tt0113277"}),
        ("A (2001) {imdb-TT0113277}", "A (2001)", {"imdb": "tt0113277"}),
        ("A (2001) [imdbid=tt0113277]", "A (2001)", {"imdb": "tt0113277"}),
        ("A (2001) [TT0113277]", "A (2001)", {"imdb": "tt0113277"}),
        ("A (2001) tt0113277", "A (2001)", {"imdb": "tt0113277"}),
        ("A (2001) (tmdb 00949)", "A (2001)", {"tmdb": "949"}),
        ("A (2001) {tmdb-949} {tvdb-0371980}", "A (2001)", {"tmdb": "949", "tvdb": "371980"}),
        ("A (2001) {imdb-12}", "A (2001)", {}),
        ("Atta1234567", "Atta1234567", {}),
    ],
)
def test_ids_are_taken_out_of_a_name(name: str, rest: str, found: dict[str, str]) -> None:
    assert ids.taken_out(name) == (rest, found)
