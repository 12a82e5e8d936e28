"""What the household watched, and on which evening. Days are counted back from the last evening."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sitting:
    """One film or episode on one evening. `share` of it was watched; all of it where that is None."""

    days_ago: int
    title: str
    season: int = 0
    number: int = 0
    share: float | None = None
    #: Where it was watched; "" lets the dice say.
    on: str = ""
    #: A film that was seen before.
    again: bool = False

    @property
    def is_film(self) -> bool:
        return self.number == 0


def _run(
    title: str, season: int, first: int, last: int, start: int, *, every: float = 1
) -> list[Sitting]:
    """Episodes in order from `start` days ago, `every` so many days; 0.25 is four in an evening."""
    numbers = range(first, last + 1)
    return [
        Sitting(start - int(step * every), title, season, number)
        for step, number in enumerate(numbers)
    ]


def _films(*seen: tuple[int, str]) -> list[Sitting]:
    return [Sitting(days_ago, title) for days_ago, title in seen]


def _sorted(*parts: Iterable[Sitting]) -> list[Sitting]:
    # Of one evening: what was finished comes before what was left lying.
    every = [sitting for part in parts for sitting in part]
    return sorted(every, key=lambda one: (-one.days_ago, one.share is not None, one.is_film))


ALEX = _sorted(
    _run("Low Tide", 4, 1, 8, 69, every=2),
    _run("Low Tide", 5, 1, 8, 41, every=2),
    _run("Low Tide", 6, 1, 4, 12, every=3),
    [Sitting(1, "Low Tide", 6, 5, 0.56, on="Living room")],
    _run("Small Hours", 2, 1, 10, 62, every=0.2),
    _run("Small Hours", 3, 1, 4, 33, every=0.5),
    _run("Small Hours", 3, 5, 7, 8, every=0.5),
    _run("The Quiet Orbit", 1, 1, 8, 52, every=3),
    _run("The Quiet Orbit", 2, 1, 6, 15, every=0.17),
    [Sitting(14, "The Quiet Orbit", 0, 1, on="web")],
    _run("The Quiet Orbit", 2, 7, 7, 5),
    _run("Kite Season", 1, 1, 5, 34, every=7),
    _run("Glasshouse", 3, 1, 6, 39, every=1.5),
    _run("Nine Rooms", 1, 1, 6, 24, every=1),
    [Sitting(6, "Nine Rooms", 2, 1, 0.31)],
    _run("Ashfall County", 1, 1, 2, 4, every=1),
    [Sitting(2, "Ashfall County", 1, 3, 0.22, on="Bedroom")],
    _run("The Cartographers", 1, 1, 2, 27),
    _run("Tin Birds", 1, 1, 3, 66),
    _films(
        *((70, "Copper Mile"), (67, "The Long Thaw"), (60, "Static Garden")),
        *((56, "Brightwater"), (53, "Seven Doors Down"), (46, "Dune Choir"), (42, "Iron Blossom")),
        *((32, "Room for Echoes"), (28, "The Weight of Lanterns"), (21, "Signal at Norrow")),
        *((7, "The Roofs of Lund"), (0, "Night Ferry to Halmar")),
    ),
    [
        Sitting(18, "Copper Mile", again=True),
        Sitting(35, "The Clockmaker’s Winter", again=True),
        Sitting(68, "Orpheus, Minor", share=0.38),
        Sitting(11, "The Understudy’s Summer", on="web"),
        Sitting(16, "Half a Moon over Tarn", share=0.13),
        Sitting(9, "Brightwater", share=0.47, again=True),
        Sitting(3, "The Salt Atlas", share=0.31, on="Bedroom"),
        Sitting(0, "Vesper Line", share=0.64, on="Living room"),
    ],
)

SAM = _sorted(
    _run("Glasshouse", 1, 1, 6, 58, every=4),
    _run("Glasshouse", 2, 1, 2, 9, every=2),
    _run("Tin Birds", 1, 1, 12, 36, every=0.5),
    _run("Tin Birds", 2, 1, 3, 13, every=1),
    _run("Kite Season", 1, 1, 5, 34, every=6.8),
    [
        Sitting(4, "Glasshouse", 2, 3, 0.18),
        Sitting(2, "Low Tide", 1, 1, 0.42, on="player"),
        Sitting(1, "Dune Choir", on="web"),
        Sitting(0, "Kite Season", 1, 6, on="web"),
    ],
    _films(
        *(
            (64, "Static Garden"),
            (49, "The Long Thaw"),
            (30, "Seven Doors Down"),
            (17, "Half a Moon over Tarn"),
        ),
        (10, "The Weight of Lanterns"),
    ),
    [Sitting(5, "The Marigold Protocol", share=0.52)],
)

#: Long ago, read from a file that gave dates: a season every few weeks.
IMPORTED = _sorted(
    _run("Low Tide", 1, 1, 8, 420, every=2),
    _run("Low Tide", 2, 1, 8, 330, every=2),
    _run("Low Tide", 3, 1, 8, 200, every=2),
    _run("Glasshouse", 1, 1, 6, 300, every=3),
    _run("Glasshouse", 2, 1, 6, 150, every=3),
    _films((380, "Folding Season"), (260, "An Hour Before Rain")),
)
#: And what was only known to have been watched.
UNDATED = (
    *_run("Small Hours", 1, 1, 10, 0),
    *_films((0, "The Clockmaker’s Winter"), (0, "Home Videos"), (0, "The Second Tide")),
)
