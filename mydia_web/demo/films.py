"""The films of the sample household."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Look:
    """How a poster is painted; see `art.pictures`."""

    scene: str
    palette: str
    lettering: str = "foot"
    #: The scenes of a show's stills besides its own.
    stills: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Film:
    """`on` names the sources that hold it by their first letters: Living room, Bedroom, NAS."""

    title: str
    year: int | None
    minutes: int | None
    on: str
    #: None: it has no poster.
    look: Look | None = None
    original_title: str | None = None


FILMS = (
    Film("The Salt Atlas", 2021, 118, "LBN", Look("contours", "sand", "left")),
    Film("Night Ferry to Halmar", 2019, 104, "LB", Look("ferry", "night", "wide")),
    Film("A Parliament of Foxes", 2016, 96, "LBN", Look("forest", "moss")),
    Film("Copper Mile", 2014, 110, "LN", Look("road", "rust", "head")),
    Film("The Long Thaw", 2022, 127, "LB", Look("ridges", "ice", "wide")),
    Film("Seven Doors Down", 2018, 92, "LB", Look("arches", "plum", "head")),
    Film("Vesper Line", 2023, 113, "LB", Look("train", "neon")),
    Film("An Hour Before Rain", 2011, 89, "N", Look("rain", "slate", "wide")),
    Film("The Marigold Protocol", 2024, 121, "L", Look("tiles", "marigold", "label")),
    Film("The Weight of Lanterns", 2009, 134, "LBN", Look("lanterns", "night", "wide")),
    Film("Half a Moon over Tarn", 2017, 101, "LB", Look("lake", "teal")),
    Film("Static Garden", 2020, 98, "LB", Look("botanical", "spring", "head")),
    Film("Orpheus, Minor", 2013, 107, "LN", Look("eclipse", "mono", "wide")),
    Film("Brightwater", 2006, 115, "LBN", Look("waves", "sky")),
    Film("The Clockmaker’s Winter", 1998, 123, "LBN", Look("snow", "night", "head")),
    Film("Signal at Norrow", 2015, 95, "L", Look("beam", "teal", "wide")),
    Film("The Understudy’s Summer", 2022, 106, "LB", Look("pool", "coral", "head")),
    Film(
        "The Extraordinary Afterlife of Wilhelmina Quill, Stationer",
        *(2012, 112, "LN"),
        Look("stairs", "paper", "page"),
    ),
    Film("Dune Choir", 2019, 99, "LB", Look("dunes", "gold", "wide")),
    Film("Folding Season", 2008, 88, "B", Look("birds", "rose", "head")),
    Film("Room for Echoes", 2023, 102, "LB", Look("window", "ember")),
    Film("The Roofs of Lund", 2010, 97, "L", Look("city", "dusk", "head"), "Över taken i Lund"),
    Film("Iron Blossom", 1994, 117, "LN", Look("blossom", "paper", "wide")),
    Film("The Second Tide", 2025, 109, "L"),
    Film("Home Videos", None, None, "N"),
)
