"""One entry of each shape is checked, and none that differs is missed."""

import pytest

from tests.backends.shapes import reduced, shape

FILM = {"Id": "0a1b2c3d4e5f", "Name": "Film 12", "Year": 2010, "Watched": True, "Genres": ["Drama"]}


def test_of_many_alike_one_stays():
    films = [FILM | {"Id": f"{number:012x}", "Year": 1990 + number} for number in range(30)]
    assert reduced({"Items": films}) == {"Items": films[:1]}


@pytest.mark.parametrize(
    "odd",
    [
        {"Id": None},
        {"Id": "0a1b2c3d4e5f6"},
        {"Id": "0a1b2c3d-4e5f"},
        {"Name": "film 12"},
        {"Name": 12},
        {"Year": "2010"},
        {"Year": 2010.0},
        {"Year": -2010},
        {"Year": 20100},
        {"Watched": False},
        {"Watched": 1},
        {"Genres": []},
        {"Genres": [None]},
        {"Genres": ["Drama", "Crime"]},
        {"Other": 1},
    ],
    ids=str,
)
def test_what_a_schema_can_tell_apart_stays(odd):
    assert shape(FILM | odd) != shape(FILM)
    assert reduced([FILM, FILM | odd, FILM]) == [FILM, FILM | odd]


def test_a_missing_member_is_another_shape():
    without_year = {name: value for name, value in FILM.items() if name != "Year"}
    assert reduced([FILM, without_year]) == [FILM, without_year]


def test_lists_within_are_reduced_too():
    seasons = [[FILM, FILM], [FILM, FILM, FILM]]
    assert reduced(seasons) == [[FILM]]
