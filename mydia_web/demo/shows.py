"""The shows of the sample household."""

from dataclasses import dataclass

from mydia_web.demo.films import Look


@dataclass(frozen=True, slots=True)
class Show:
    """`seasons` hold episode titles, from season 1 on; `on` as for films."""

    title: str
    year: int
    minutes: int
    on: str
    seasons: tuple[str, ...]
    specials: str = ""
    look: Look | None = None
    #: How many days from now the last season begins; it airs weekly. None: all of it is long out.
    begins_in_days: int | None = None


SHOWS = (
    Show(
        "Low Tide",
        *(2018, 52, "LB"),
        (
            "The Causeway | Slack Water | What Petra Found | Dredgers | The Harbourmaster | Salt in the Well"
            " | Groundswell | Ebb",
            "Breakwater | The Oyster Beds | An Inland Man | Fog Signals | Ballast | Nine Fathoms"
            " | The Drowned Bell | High Water",
            "Spring Tide | Letters from Skerry | The Pilot | Undertow | Lee Shore | Kelp | Dead Reckoning | Neap",
            "The New Ferry | Moorings | A Wake for Tomas | Silt | The Tidewaiter | Flotsam | Jetsam | Lagan",
            "Cold Harbour | The Inquest | Rope | Mudlarks | Storm Glass | The Lifeboat | Overfalls | Landfall",
            "Home Waters | The Buyer | Rip | Petra’s Boat | Under the Pier | Lanterns Out | The Vote | Open Sea",
        ),
        look=Look("sea", "dusk", "wide", ("ferry", "beam", "waves", "rain")),
    ),
    Show(
        "Nine Rooms",
        *(2020, 48, "L"),
        (
            "The Piano Tuner | A Bed Facing North | Borrowed Light | The Lodger | Servants’ Stair | Wallpaper",
            "The Blue Parlour | Overnight Guests | A Key for Marta | The Cellar Door | Draughts | Spare Room",
            "Conservatory | The Long Table | Dust Sheets | Attic | Forwarding Address | The Ninth Room",
        ),
        look=Look("rooms", "plum", "head", ("window", "arches", "city", "rain")),
    ),
    Show(
        "The Quiet Orbit",
        *(2021, 44, "LB"),
        (
            "Launch Window | Station-Keeping | A Voice on the Loop | Debris | The Long Burn | Eclipse Season"
            " | Docking | Radio Silence",
            "Perigee | The Second Crew | Cold Gas | Tidal Lock | Walkabout | Graveyard Orbit | Re-entry | Splashdown",
        ),
        specials="The Launch, Minute by Minute | Letters to the Station | A Year of Quiet",
        look=Look("orbit", "plum", "foot", ("eclipse", "train", "grid", "ridges")),
    ),
    Show(
        "Kite Season",
        *(0, 41, "LB"),
        (
            "First Wind | The Paper Shop | Line and Reel | Crosswind | A Tail for Luck | The Rooftop War"
            " | Glass String | Thermals | Cut Loose | Last Wind",
        ),
        look=Look("kite", "sky", "foot", ("birds", "dunes", "waves", "ridges")),
        begins_in_days=-37,
    ),
    Show(
        "Glasshouse",
        *(2022, 50, "L"),
        (
            "Seedlings | Heat | The Orchid Thief | Pruning Shears | Night Bloom | Frost Warning",
            "Rootstock | A Grafted Man | Nettles | The Seed Vault | Blight | Harvest",
            "Perennials | Climbing Rose | Deadheading | Hothouse Flowers | Windfall | First Snow",
            "Thaw | Volunteers | The Surveyor | Cuttings | Rain Barrel | Open Day",
        ),
        look=Look("greenhouse", "moss", "wide", ("forest", "botanical", "window", "lake")),
        begins_in_days=11,
    ),
    Show(
        "Small Hours",
        *(2019, 24, "LB"),
        (
            "Last Orders | The Night Bus | Kebab | Someone’s Birthday | Lost Property | Karaoke | The Long Queue"
            " | Two Left Shoes | Fire Drill | Sunrise",
            "Lock-In | The Regular | Stocktake | Quiz Night | Ex | The Inspector | Power Cut | Wrong Wedding"
            " | Slow Tuesday | Closing Time",
            "Under New Management | Happy Hour | The Reviewer | Dry January | Bingo | The Double Shift"
            " | Noise Complaint | Stag Do | The Offer | One for the Road",
        ),
        look=Look("stripes", "dusk", "head", ("city", "rain", "train", "rooms")),
    ),
    Show(
        "The Cartographers",
        *(2023, 58, "N"),
        (
            "Here Be Dragons | The Meridian | An Island That Was Not | Silk | The Blank Spaces | From Above",
        ),
        look=Look("contours", "ice", "head", ("ridges", "lake", "waves", "dunes")),
    ),
    Show(
        "Ashfall County",
        *(2024, 55, "LB"),
        (
            "Grey Monday | The Fence Line | Sheriff’s Sale | Cinders | Well Water | Firebreak | What Burns | Embers",
            "Green Wood | The Claims Adjuster | Backdraft | Dry Lightning | Controlled Burn | Witness Tree"
            " | The Ridge | Fallow",
        ),
        look=Look("ridges", "ember", "foot", ("road", "forest", "window", "eclipse")),
    ),
    Show(
        "Tin Birds",
        *(2017, 22, "LB"),
        (
            "Wind-Up | Feathers | The Magnet | Rust Day | Bolt | A Nest of Wires | Flight School | The Junk King"
            " | Spare Parts | Migration | Egg | Home to Roost",
            "Polished | The Scarecrow | Short Circuit | Oilcan | The Big Cage | Hatchling | Storm Drain | Weathervane"
            " | Cuckoo | Molten | The Aviary | Take Off",
        ),
    ),
)
