"""From a look to a finished picture: the scene, the title on it, and the file it becomes."""

import io
from collections.abc import Callable

from PIL import Image

from mydia_web.demo.art import emblems, landscapes, lettering, places
from mydia_web.demo.art.paint import Canvas
from mydia_web.demo.art.palettes import PALETTES, Palette, mix
from mydia_web.demo.films import Look

POSTER = (640, 960)
STILL = (800, 450)
#: Pictures are painted this much larger, so that edges come out smooth.
_FINER = 1.5

_SCENES: dict[str, Callable[[Canvas], None]] = {
    scene.__name__: scene
    for scene in (
        *(landscapes.ridges, landscapes.dunes, landscapes.sea, landscapes.ferry, landscapes.lake),
        *(landscapes.forest, landscapes.waves, landscapes.kite, landscapes.birds, landscapes.snow),
        *(
            places.city,
            places.rain,
            places.road,
            places.train,
            places.arches,
            places.tiles,
            places.window,
        ),
        *(places.stairs, places.lanterns, places.beam, places.pool, places.rooms),
        *(emblems.orbit, emblems.eclipse, emblems.contours, emblems.grid, emblems.botanical),
        emblems.greenhouse,
        *(emblems.blossom, emblems.stripes),
    )
}

#: What the day does to the colours: nothing, then dusk, morning, noon and night.
_HOURS = (
    ((16, 24, 60), 0.0),
    ((120, 40, 60), 0.2),
    ((30, 90, 110), 0.28),
    ((230, 170, 90), 0.22),
    ((10, 12, 26), 0.42),
    ((60, 80, 130), 0.25),
    ((240, 200, 160), 0.18),
)


def paint_poster(title: str, note: str, look: Look) -> Image.Image:
    canvas = _canvas(POSTER, PALETTES[look.palette], title)
    _SCENES[look.scene](canvas)
    lettering.set_title(canvas, title, note, look.lettering)
    return canvas.finished(POSTER)


def paint_still(title: str, look: Look, number: int) -> Image.Image:
    """One of a show's pictures: its scenes in turn, each time at another hour of the day."""
    scenes = (look.scene, *look.stills)
    canvas = _canvas(STILL, _at_another_hour(PALETTES[look.palette], number), f"{title} {number}")
    _SCENES[scenes[number % len(scenes)]](canvas)
    return canvas.finished(STILL)


def as_webp(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "WEBP", quality=80, method=1)
    return out.getvalue()


def _canvas(size: tuple[int, int], palette: Palette, seed: str) -> Canvas:
    return Canvas((round(size[0] * _FINER), round(size[1] * _FINER)), palette, seed)


def _at_another_hour(palette: Palette, number: int) -> Palette:
    tint, share = _HOURS[number % len(_HOURS)]
    return palette._replace(
        sky=tuple(mix(colour, tint, share) for colour in palette.sky),
        far=mix(palette.far, tint, share),
        near=mix(palette.near, tint, share / 2),
    )
