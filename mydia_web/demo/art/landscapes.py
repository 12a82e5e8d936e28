"""Scenes under an open sky."""

import math

from PIL import Image

from mydia_web.demo.art.paint import Canvas, curve
from mydia_web.demo.art.palettes import mix


def ridges(canvas: Canvas) -> None:
    """Mountains behind mountains, and a sun in the haze."""
    sky, far, near, light, _ = canvas.palette
    canvas.sky(sky, bottom=0.75)
    x = canvas.dice.uniform(0.3, 0.7)
    canvas.glow(x, 0.36, 60, light, 0.8)
    canvas.disc(x, 0.36, 11, light)
    for layer in range(6):
        share = layer / 5
        colour = mix(mix(far, sky[-1], 0.55), near, share)
        canvas.ridge(
            0.46 + 0.11 * layer, 0.13 + 0.02 * layer, colour, peaks=1.2 + share, rough=0.47
        )
        canvas.veil(0.5 + 0.11 * layer, 0.62 + 0.11 * layer, mix(colour, sky[-1], 0.5), 0, 0.28)


def dunes(canvas: Canvas) -> None:
    """Sand in long curves, each with a lit and a shaded side, and someone crossing it."""
    sky, far, near, light, _ = canvas.palette
    canvas.sky(sky, bottom=0.6)
    canvas.glow(0.68, 0.3, 70, light, 0.7)
    canvas.disc(0.68, 0.3, 9, light)
    for layer in range(5):
        y, colour = 0.5 + 0.1 * layer, mix(mix(far, sky[-1], 0.5), near, layer / 5)
        crest = canvas.dice.uniform(0.25, 0.75)
        left = curve((-0.1, y + 0.1), (crest * 0.6, y + 0.09), (crest, y - 0.03))
        right = curve(
            (crest, y - 0.03),
            (crest + 0.15, y + 0.07),
            (1.1, y + 0.04 + 0.04 * canvas.dice.random()),
        )
        canvas.shape([*left, *right, (1.1, 1.1), (-0.1, 1.1)], mix(colour, light, 0.22))
        shade = curve((crest, y - 0.03), (crest - 0.08, y + 0.2), (crest + 0.3, y + 0.5))
        canvas.shape(
            [*right, (1.1, 1.1), (crest + 0.3, 1.1), *reversed(shade)], mix(colour, near, 0.35)
        )
    walker(canvas, 0.32, 0.66, 5)


def sea(canvas: Canvas) -> None:
    """A sun standing on the horizon and its path on the water."""
    sky, far, near, light, _ = canvas.palette
    x = 0.5 if not canvas.is_wide else canvas.dice.uniform(0.35, 0.65)
    canvas.sky(sky, bottom=0.58)
    canvas.glow(x, 0.56, 75, light, 0.75)
    canvas.disc(x, 0.52, 19, light)
    canvas.sky((mix(far, light, 0.25), far, near), top=0.58)
    for row in range(34):
        y = 0.585 + 0.4 * (row / 34) ** 1.5
        spread = (0.06 + 0.16 * row / 34) * canvas.dice.uniform(0.4, 1)
        shift = canvas.dice.uniform(-0.04, 0.04)
        colour = mix(light, far, row / 50)
        canvas.line(
            [(x + shift - spread, y), (x + shift + spread, y)], colour, 0.25 + row / 34, 200
        )
    for _ in range(60):
        (left, y), long = (
            (canvas.dice.random(), canvas.dice.uniform(0.6, 1)),
            canvas.dice.uniform(0.02, 0.1),
        )
        canvas.line([(left, y), (left + long, y)], mix(near, far, 0.6), 0.25, 120)


def ferry(canvas: Canvas) -> None:
    """A lit ship on a black sea under a moon."""
    sky, far, near, light, _ = canvas.palette
    canvas.sky(sky, bottom=0.62)
    canvas.stars(140, 0.55)
    canvas.glow(0.74, 0.2, 42, light, 0.55)
    canvas.disc(0.74, 0.2, 8, light)
    canvas.sky((mix(far, sky[-1], 0.6), near, near), top=0.62)
    canvas.shape([(0.2, 0.59), (0.8, 0.585), (0.75, 0.635), (0.25, 0.635)], near)
    canvas.box(0.3, 0.555, 0.68, 0.59, mix(near, far, 0.5))
    canvas.box(0.36, 0.525, 0.6, 0.556, mix(near, far, 0.5))
    canvas.box(0.5, 0.485, 0.55, 0.526, mix(near, light, 0.25))
    for deck, left, right, y in ((0, 0.31, 0.66, 0.57), (1, 0.37, 0.58, 0.54)):
        for lamp in range(18 - 6 * deck):
            x = left + (right - left) * lamp / (18 - 6 * deck)
            canvas.box(x, y, x + 0.008, y + 0.008, light, 240)
    for row in range(26):
        y, wide = 0.645 + 0.011 * row, canvas.dice.uniform(0.02, 0.2)
        x = 0.5 + canvas.dice.uniform(-0.2, 0.16)
        canvas.line([(x, y), (x + wide, y)], light, 0.4, max(20, 130 - 5 * row))


def lake(canvas: Canvas) -> None:
    """Half a moon, a shore, and both again in the still water."""
    sky, far, near, light, _ = canvas.palette
    canvas.sky(sky, bottom=0.6)
    canvas.glow(0.5, 0.27, 60, light, 0.5)
    (x, y), r = canvas.at(0.5, 0.27), 16 * canvas.unit
    canvas.draw.ellipse((x - r, y - r, x + r, y + r), fill=(*light, 40))
    canvas.draw.pieslice((x - r, y - r, x + r, y + r), -70, 110, fill=light)
    canvas.ridge(0.55, 0.1, mix(far, sky[-1], 0.3), peaks=1.6)
    canvas.ridge(0.6, 0.07, mix(far, near, 0.5), peaks=2.4)
    half = canvas.image.crop(
        (0, round(0.2 * canvas.height), canvas.width, round(0.62 * canvas.height))
    )
    mirrored = half.transpose(Image.Transpose.FLIP_TOP_BOTTOM).resize(
        (canvas.width, round(0.4 * canvas.height))
    )
    canvas.image.paste(mirrored, (0, round(0.62 * canvas.height)))
    canvas.veil(0.62, 1.01, near, 0.25, 0.85)
    for _ in range(40):
        (x, y), long = (
            (canvas.dice.random(), canvas.dice.uniform(0.63, 0.95)),
            canvas.dice.uniform(0.03, 0.16),
        )
        canvas.line([(x, y), (x + long, y)], mix(sky[-1], light, 0.3), 0.22, 110)
    canvas.box(0, 0.618, 1, 0.622, near)


def forest(canvas: Canvas) -> None:
    """Trunks in the mist, and two eyes."""
    sky, far, near, light, _ = canvas.palette
    canvas.sky(tuple(reversed(sky)))
    canvas.glow(0.5, 0.35, 75, light, 0.75)
    for layer in range(4):
        colour = mix(mix(far, sky[-1], 0.55 - 0.18 * layer), near, layer / 3)
        for _ in range(14 - 3 * layer):
            x, wide = (
                canvas.dice.uniform(-0.05, 1.05),
                (0.008 + 0.014 * layer) * canvas.dice.uniform(0.7, 1.3),
            )
            lean = canvas.dice.uniform(-0.03, 0.03)
            trunk = [
                (x + lean, -0.02),
                (x + lean + wide, -0.02),
                (x + 1.5 * wide, 1.02),
                (x - wide / 2, 1.02),
            ]
            canvas.shape(trunk, colour)
        canvas.veil(0.55, 1.01, mix(light, colour, 0.6), 0, 0.5 - 0.14 * layer)
    canvas.ridge(0.86, 0.05, near, peaks=2)
    canvas.veil(0.5, 1.01, near, 0, 0.9)
    for x, y in ((0.4, 0.64), (0.452, 0.64)):
        canvas.glow(x, y, 4, light, 0.9)
        canvas.disc(x, y, 0.75, light)


def waves(canvas: Canvas) -> None:
    """Rolling bands, from the light of the sky to the depth."""
    sky, far, near, light, _ = canvas.palette
    canvas.sky(sky, bottom=0.5)
    canvas.disc(0.5, 0.3, 17, light)
    count = 13
    for band in range(count):
        share, y = band / (count - 1), 0.36 + 0.055 * band
        rise, phase = 0.02 + 0.022 * share, canvas.dice.uniform(0, math.tau)
        top = [(x / 90, y + rise * math.sin(x / 90 * math.tau * 1.5 + phase)) for x in range(91)]
        colour = mix(mix(sky[-1], far, min(1, 2 * share)), near, max(0, 2 * share - 1))
        canvas.shape([*top, (1, 1.1), (0, 1.1)], colour)
        canvas.line(top, mix(colour, light, 0.45), 0.4)


def kite(canvas: Canvas) -> None:
    """A kite high over a hill, its string down to a small figure."""
    sky, far, near, light, _ = canvas.palette
    canvas.sky(sky)
    for _ in range(7):
        x, y, long = (
            canvas.dice.random(),
            canvas.dice.uniform(0.15, 0.6),
            canvas.dice.uniform(8, 24),
        )
        for puff in range(5):
            colour = mix(sky[min(3, int(4.5 * y))], light, 0.42)
            off = long * puff / 5 * canvas.unit / canvas.width
            canvas.disc(x + off, y, 1.4 + 1.1 * (2 - abs(2 - puff)), colour)
    x, y, size = 0.66, 0.27, 15 * canvas.unit / canvas.width
    tall = 19 * canvas.unit / canvas.height * (0.75 if canvas.is_wide else 1)
    canvas.line(curve((x, y + tall), (0.6, 0.66), (0.27, 0.72)), near, 0.3, 200)
    canvas.shape([(x, y - tall), (x + size, y), (x, y + 1.35 * tall), (x - size, y)], (216, 67, 43))
    canvas.shape([(x, y - tall), (x + size, y), (x, y)], (244, 176, 66))
    canvas.shape([(x, y), (x - size, y), (x, y + 1.35 * tall)], (32, 64, 92))
    canvas.ridge(0.8, 0.03, mix(far, near, 0.35), peaks=0.8, rough=0.3)
    canvas.shape(
        [*curve((-0.3, 0.86), (0.25, 0.68), (0.9, 1.02)), (-0.3, 1.02)], mix(far, near, 0.8)
    )
    canvas.ridge(0.93, 0.03, near, peaks=1.1, rough=0.3)
    walker(canvas, 0.25, 0.79, 8)


def birds(canvas: Canvas) -> None:
    """Folded birds rising in a flock."""
    sky, far, near, light, _ = canvas.palette
    canvas.sky(sky)
    canvas.disc(0.5, 0.54, 30, light, 235)
    for index in range(26):
        share = index / 26
        x = 0.5 + 0.46 * math.sin(index * 2.4) * (0.35 + 0.65 * share)
        y = 0.86 - 0.55 * share + canvas.dice.uniform(-0.04, 0.04)
        size = (0.03 + 0.07 * (1 - share)) * canvas.dice.uniform(0.75, 1.2)
        _folded_bird(canvas, x, y, size, 1 if canvas.dice.random() < 0.6 else -1)
    canvas.ridge(0.95, 0.03, mix(far, near, 0.5), peaks=1.4)


def _folded_bird(canvas: Canvas, x: float, y: float, size: float, way: int) -> None:
    _, far, near, _, _ = canvas.palette
    wide, tall = size * way, size * canvas.width / canvas.height
    canvas.shape(
        [(x - wide, y), (x + wide * 0.3, y - tall * 0.1), (x - wide * 0.1, y + tall * 0.55)], far
    )
    canvas.shape(
        [(x - wide * 0.45, y), (x + wide * 0.3, y - tall * 0.1), (x - wide * 0.25, y - tall)], near
    )
    canvas.shape(
        [
            (x + wide * 0.3, y - tall * 0.1),
            (x + wide, y - tall * 0.4),
            (x + wide * 0.1, y + tall * 0.25),
        ],
        near,
    )


def snow(canvas: Canvas) -> None:
    """One lit house on a white hill, at night, while it snows."""
    sky, far, near, light, _ = canvas.palette
    canvas.sky(sky, bottom=0.8)
    white = (226, 234, 244)
    canvas.ridge(0.62, 0.08, mix(far, near, 0.2), peaks=1.5)
    canvas.ridge(0.7, 0.06, mix(white, far, 0.55), peaks=0.9, rough=0.3)
    canvas.glow(0.6, 0.66, 26, light, 0.75)
    canvas.box(0.53, 0.63, 0.68, 0.71, near)
    canvas.shape([(0.505, 0.632), (0.605, 0.57), (0.705, 0.632)], mix(near, white, 0.2))
    canvas.box(0.65, 0.575, 0.67, 0.62, near)
    for x in (0.555, 0.622):
        canvas.box(x, 0.65, x + 0.033, 0.68, light)
    canvas.ridge(0.76, 0.04, mix(white, far, 0.25), peaks=0.7, rough=0.25)
    canvas.ridge(0.88, 0.05, white, peaks=0.9, rough=0.25)
    for _ in range(150):
        canvas.disc(
            canvas.dice.random(),
            canvas.dice.random(),
            canvas.dice.choice((0.3, 0.4, 0.7)),
            white,
            190,
        )


def walker(canvas: Canvas, x: float, y: float, tall: float) -> None:
    """A small figure standing at (x, y), `tall` units high."""
    _, _, near, _, _ = canvas.palette
    up, side = tall * canvas.unit / canvas.height, tall * canvas.unit / canvas.width
    canvas.disc(x, y - up, tall * 0.13, near)
    canvas.shape(
        [
            (x - 0.13 * side, y - 0.85 * up),
            (x + 0.13 * side, y - 0.85 * up),
            (x + 0.2 * side, y - 0.3 * up),
            (x + 0.1 * side, y),
            (x - 0.12 * side, y),
            (x - 0.2 * side, y - 0.3 * up),
        ],
        near,
    )
