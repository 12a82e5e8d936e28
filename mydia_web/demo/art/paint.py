"""The canvas and the few strokes that all pictures are made of. Places are shares of the width and
height.
"""

import math
from collections.abc import Sequence
from functools import cache
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from mydia_web.demo.art.palettes import Colour, Palette

Point = tuple[float, float]


class Canvas:
    """A picture in the making, with its colours and its dice."""

    def __init__(self, size: tuple[int, int], palette: Palette, seed: str) -> None:
        self.width, self.height = size
        self.palette = palette
        self.dice = Random(seed)  # noqa: S311 - the same picture every time
        self.image = Image.new("RGB", size)
        self.draw = ImageDraw.Draw(self.image, "RGBA")

    @property
    def unit(self) -> float:
        """A length that looks the same in every format."""
        return min(self.width, self.height) / 100

    @property
    def is_wide(self) -> bool:
        return self.width > self.height

    def at(self, x: float, y: float) -> Point:
        return x * self.width, y * self.height

    def sky(self, colours: Sequence[Colour], top: float = 0, bottom: float = 1) -> None:
        """Colours flowing into each other from top to bottom."""
        strip = Image.new("RGB", (1, len(colours)))
        strip.putdata(list(colours))
        height = round((bottom - top) * self.height) + 1
        # A strip of n colours scaled up is flat for half a colour at each end: cut that off.
        box = (0, 0.5, 1, len(colours) - 0.5) if len(colours) > 1 else None
        flow = strip.resize((1, height), Image.Resampling.BILINEAR, box=box)
        self.image.paste(
            flow.resize((self.width, height), Image.Resampling.NEAREST),
            (0, round(top * self.height)),
        )

    def disc(self, x: float, y: float, radius: float, colour: Colour, alpha: int = 255) -> None:
        """`radius` in units."""
        (cx, cy), r = self.at(x, y), radius * self.unit
        self.draw.ellipse((cx - r, cy - r, cx + r, cy + r), fill=(*colour, alpha))

    def ring(
        self, x: float, y: float, radius: float, colour: Colour, width: float, alpha: int = 255
    ) -> None:
        (cx, cy), r = self.at(x, y), radius * self.unit
        line = max(1, round(width * self.unit))
        self.draw.ellipse((cx - r, cy - r, cx + r, cy + r), outline=(*colour, alpha), width=line)

    def glow(self, x: float, y: float, radius: float, colour: Colour, strength: float = 1) -> None:
        (cx, cy), r = self.at(x, y), round(radius * self.unit)
        self.image.paste(colour, (round(cx) - r, round(cy) - r), _halo(r, strength))

    def shape(self, points: Sequence[Point], colour: Colour, alpha: int = 255) -> None:
        self.draw.polygon([self.at(*point) for point in points], fill=(*colour, alpha))

    def box(
        self, x: float, y: float, right: float, bottom: float, colour: Colour, alpha: int = 255
    ) -> None:
        self.draw.rectangle((*self.at(x, y), *self.at(right, bottom)), fill=(*colour, alpha))

    def line(self, points: Sequence[Point], colour: Colour, width: float, alpha: int = 255) -> None:
        pixels = max(1, round(width * self.unit))
        self.draw.line(
            [self.at(*point) for point in points],
            fill=(*colour, alpha),
            width=pixels,
            joint="curve",
        )

    def veil(self, top: float, bottom: float, colour: Colour, start: float, end: float) -> None:
        """A colour that thickens from `start` to `end` (shares) between two heights."""
        height = max(1, round((bottom - top) * self.height))
        strip = Image.new("L", (1, 2))
        strip.putdata([round(255 * start), round(255 * end)])
        flow = strip.resize((1, height), Image.Resampling.BILINEAR, box=(0, 0.5, 1, 1.5))
        self.image.paste(
            colour,
            (0, round(top * self.height)),
            flow.resize((self.width, height), Image.Resampling.NEAREST),
        )

    def stars(self, count: int, bottom: float = 1, colour: Colour = (255, 255, 255)) -> None:
        for _ in range(count):
            place = self.dice.random(), self.dice.random() * bottom
            self.disc(
                *place,
                self.dice.choice((0.1, 0.15, 0.15, 0.28)),
                colour,
                self.dice.randint(60, 220),
            )

    def ridge(
        self, y: float, rise: float, colour: Colour, *, peaks: float = 3, rough: float = 0.5
    ) -> None:
        """A line of hills, at `y` on average and `rise` high, filled to the bottom."""
        waves = [
            (peaks * 1.9**octave, rise * rough**octave, self.dice.uniform(0, math.tau))
            for octave in range(6)
        ]
        steps = 160
        points = [
            (
                x / steps,
                y + sum(a * math.sin(f * math.tau * x / steps + p) for f, a, p in waves) / 2,
            )
            for x in range(steps + 1)
        ]
        self.shape([*points, (1, 1.02), (0, 1.02)], colour)

    def soften(self, radius: float) -> None:
        """Put everything painted so far out of focus."""
        soft = self.image.filter(ImageFilter.GaussianBlur(radius * self.unit))
        self.image.paste(soft)

    def finished(self, size: tuple[int, int]) -> Image.Image:
        """The picture, with the edges a little darker and the grain of print."""
        image = self.image.resize(size, Image.Resampling.HAMMING)
        return ImageChops.overlay(image, _grain(size))


def curve(start: Point, bend: Point, end: Point, steps: int = 40) -> list[Point]:
    """Points along a quadratic curve."""
    found = []
    for step in range(steps + 1):
        t = step / steps
        a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t * t
        found.append(
            (a * start[0] + b * bend[0] + c * end[0], a * start[1] + b * bend[1] + c * end[1])
        )
    return found


def _halo(radius: int, strength: float) -> Image.Image:
    fall = [round(255 * strength * max(0.0, 1 - d / 180) ** 2.2) for d in range(256)]
    return (
        Image.radial_gradient("L")
        .point(fall)
        .resize((2 * radius, 2 * radius), Image.Resampling.BILINEAR)
    )


@cache
def _grain(size: tuple[int, int]) -> Image.Image:
    """Mid-grey with a little noise, darker at the corners: laid over, it leaves the middle as it
    is.
    """
    corners = Image.radial_gradient("L").point(
        [round(128 - 34 * (d / 255) ** 2.5) for d in range(256)]
    )
    # Unlike `Image.effect_noise`, the same every time.
    noise = Image.frombytes("L", (256, 256), Random(7).randbytes(65_536))  # noqa: S311 - not a secret
    tile = noise.point([118 + value * 20 // 255 for value in range(256)])
    grain = Image.new("L", size)
    for left in range(0, size[0], 256):
        for top in range(0, size[1], 256):
            grain.paste(tile, (left, top))
    both = ImageChops.add(
        corners.resize(size, Image.Resampling.BILINEAR), grain, scale=1, offset=-128
    )
    return both.convert("RGB")
