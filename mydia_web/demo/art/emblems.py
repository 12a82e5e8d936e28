"""Scenes that are signs more than places."""

import math

from mydia_web.demo.art.paint import Canvas, curve
from mydia_web.demo.art.palettes import mix


def orbit(canvas: Canvas) -> None:
    """A planet with rings of paths round it, and its moons."""
    sky, far, near, light, _ = canvas.palette
    canvas.sky((near, sky[0], sky[1]))
    canvas.stars(230)
    x, y = (0.5, 0.44) if not canvas.is_wide else (canvas.dice.uniform(0.35, 0.65), 0.5)
    canvas.glow(x, y, 62, sky[-1], 0.6)
    for ring in range(5):
        canvas.ring(x, y, 26 + 11 * ring, light, 0.22, 130 - 20 * ring)
        turn, radius = canvas.dice.uniform(0, math.tau), (26 + 11 * ring) * canvas.unit
        moon = (
            x + math.cos(turn) * radius / canvas.width,
            y + math.sin(turn) * radius / canvas.height,
        )
        canvas.disc(*moon, canvas.dice.uniform(0.9, 2.8), mix(light, sky[-1], ring / 5))
    canvas.disc(x, y, 18, mix(far, sky[-1], 0.5))
    for shade in range(14):
        lit = mix(mix(far, sky[-1], 0.5), light, (shade + 1) / 15)
        off = 0.25 * shade * canvas.unit
        canvas.disc(x - off / canvas.width, y - off / canvas.height, 17.6 - 0.95 * shade, lit, 90)


def eclipse(canvas: Canvas) -> None:
    """A black disc before a ring of fire."""
    sky, far, near, light, _ = canvas.palette
    canvas.sky((near, sky[1], near))
    canvas.glow(0.5, 0.4, 95, mix(light, (216, 67, 43), 0.75), 0.85)
    for _ in range(130):
        turn, long = canvas.dice.uniform(0, math.tau), canvas.dice.uniform(3, 17)
        ends = [(27, -0.011), (27, 0.011), (28 + long, 0)]
        ray = [
            (
                0.5 + math.cos(turn + side) * radius * canvas.unit / canvas.width,
                0.4 + math.sin(turn + side) * radius * canvas.unit / canvas.height,
            )
            for radius, side in ends
        ]
        canvas.shape(ray, light, 90)
    canvas.disc(0.5, 0.4, 28, light)
    canvas.disc(0.507, 0.403, 27.2, near)
    canvas.line([(0.1, 0.78), (0.9, 0.78)], mix(light, far, 0.5), 0.2, 120)


def contours(canvas: Canvas) -> None:
    """A map of heights."""
    sky, far, near, light, _ = canvas.palette
    canvas.sky(sky[:2])
    for hill_x, hill_y, size in ((0.62, 0.36, 62), (0.16, 0.7, 44), (0.95, 0.85, 34)):
        waves = [
            (k, canvas.dice.uniform(-0.16, 0.16), canvas.dice.uniform(0, math.tau))
            for k in (2, 3, 4, 5)
        ]
        for level in range(11):
            radius = size * (1 - level / 11)
            points = []
            for step in range(91):
                turn = step / 90 * math.tau
                swell = 1 + sum(a * (1 - level / 16) * math.sin(k * turn + p) for k, a, p in waves)
                reach = radius * swell * canvas.unit
                east, south = math.cos(turn) * reach, math.sin(turn) * reach
                points.append((hill_x + east / canvas.width, hill_y + south / canvas.height))
            canvas.shape(points, mix(sky[0], far, 0.08 + 0.07 * level))
            canvas.line(points, mix(far, near, 0.5), 0.28 if level % 4 else 0.6, 190)
    canvas.line(curve((0.05, 0.3), (0.45, 0.25), (0.61, 0.37)), light, 0.7)
    canvas.disc(0.05, 0.3, 1.4, light)
    canvas.disc(0.61, 0.37, 2.2, light)
    canvas.ring(0.61, 0.37, 4, light, 0.5)


def grid(canvas: Canvas) -> None:
    """A sliced sun over a plain of lines."""
    sky, far, near, light, _ = canvas.palette
    horizon = 0.56
    canvas.sky(sky, bottom=horizon)
    canvas.stars(70, 0.35)
    canvas.glow(0.5, 0.42, 70, sky[-1], 0.6)
    canvas.disc(0.5, 0.42, 26, mix(sky[-1], (255, 220, 120), 0.65))
    for slice_ in range(7):
        y = 0.4 + 0.024 * slice_
        canvas.box(0.1, y, 0.9, y + 0.003 + 0.0016 * slice_, mix(sky[-1], sky[2], 0.45))
    canvas.sky((far, near, near), top=horizon)
    for row in range(14):
        y = horizon + 0.46 * (row / 13) ** 2
        canvas.line([(0, y), (1, y)], light, 0.2 + 0.02 * row, 190)
    for column in range(-14, 15):
        canvas.line(
            [(0.5 + column * 0.035, horizon), (0.5 + column * 0.26, 1.02)], light, 0.25, 170
        )
    canvas.veil(horizon, horizon + 0.12, far, 0.8, 0)


def botanical(canvas: Canvas) -> None:
    """Leaves pressed on coloured paper."""
    sky, far, near, light, _ = canvas.palette
    canvas.sky(sky)
    canvas.disc(0.5, 0.42, 34, light, 210)
    for index in range(11):
        x = 0.06 + 0.088 * index + canvas.dice.uniform(-0.03, 0.03)
        tip = (x + canvas.dice.uniform(-0.16, 0.16), canvas.dice.uniform(0.12, 0.5))
        colour = canvas.dice.choice((far, near, mix(far, near, 0.5), mix(far, light, 0.35)))
        _frond(canvas, (x, 1.02), tip, colour)


def greenhouse(canvas: Canvas) -> None:
    """Leaves behind the panes of a glasshouse."""
    _, far, near, light, _ = canvas.palette
    botanical(canvas)
    pale, ribs = mix(light, far, 0.15), 7
    vault = curve((0.0, 0.5), (0.5, -0.32), (1.0, 0.5))
    canvas.shape([(-0.1, -0.1), (-0.1, 0.5), *vault, (1.1, 0.5), (1.1, -0.1)], near)
    canvas.line(vault, pale, 1.1)
    for rib in range(1, ribs):
        x = rib / ribs
        top = 0.5 - 1.64 * x * (1 - x)
        canvas.line([(x, top), (x, 1.02)], pale, 0.5)
    for y in (0.34, 0.5, 0.66, 0.82):
        inset = max(0.0, 0.5 - (0.25 - max(0.0, 0.5 - y) / 1.64) ** 0.5)
        canvas.line([(inset, y), (1 - inset, y)], pale, 0.5)


def _frond(
    canvas: Canvas,
    root: tuple[float, float],
    tip: tuple[float, float],
    colour: tuple[int, int, int],
) -> None:
    stem = curve(root, (root[0], (root[1] + tip[1]) / 2), tip)
    canvas.line(stem, colour, 0.6)
    for step in range(6, 40, 3):
        (x, y), size = stem[step], 0.085 * (1 - step / 60)
        for side in (-1, 1):
            end = (x + side * size, y - size * 0.75)
            upper = curve((x, y), (x + side * size * 0.25, y - size * 0.75), end, 10)
            lower = curve(end, (x + side * size * 0.9, y - size * 0.05), (x, y), 10)
            canvas.shape([*upper, *lower], colour)


def blossom(canvas: Canvas) -> None:
    """A branch before a red sun."""
    _, far, near, light, _ = canvas.palette
    canvas.sky(canvas.palette.sky)
    canvas.disc(0.56, 0.36, 31, light)
    canvas.line(curve((-0.02, 0.82), (0.3, 0.6), (0.42, 0.36)), near, 2.6)
    canvas.line(curve((0.42, 0.37), (0.5, 0.22), (0.86, 0.16)), near, 1.3)
    canvas.line(curve((0.25, 0.6), (0.5, 0.56), (0.78, 0.52)), near, 1.2)
    canvas.line(curve((0.12, 0.71), (0.2, 0.45), (0.16, 0.22)), near, 0.9)
    twigs = curve((0.42, 0.37), (0.5, 0.22), (0.86, 0.16)) + curve(
        (0.25, 0.6), (0.5, 0.56), (0.78, 0.52)
    )
    twigs += curve((0.12, 0.71), (0.2, 0.45), (0.16, 0.22))[15:]
    for x, y in canvas.dice.sample(twigs, 30):
        size = canvas.dice.uniform(0.8, 1.9)
        x, y = x + canvas.dice.uniform(-0.025, 0.025), y + canvas.dice.uniform(-0.015, 0.015)
        for petal in range(5):
            turn = petal * math.tau / 5 + x * 9
            off = 1.15 * size * canvas.unit
            place = (
                x + math.cos(turn) * off / canvas.width,
                y + math.sin(turn) * off / canvas.height,
            )
            canvas.disc(*place, size, (250, 236, 228))
        canvas.disc(x, y, size * 0.45, mix(light, far, 0.2))


def stripes(canvas: Canvas) -> None:
    """Slanted bands of colour, like the spines of old records."""
    sky, far, near, light, _ = canvas.palette
    canvas.sky((near, mix(near, sky[0], 0.6)))
    colours = (*sky[1:], light, far)
    for index in range(13):
        colour = colours[index % len(colours)]
        x, wide = -0.55 + 0.14 * index, canvas.dice.uniform(0.05, 0.12)
        top = canvas.dice.uniform(0.2, 0.5)
        canvas.shape([(x + 0.55, top), (x + 0.55 + wide, top), (x + wide, 1.02), (x, 1.02)], colour)
        canvas.disc(x + 0.55 + wide / 2, top, wide * canvas.width / (2 * canvas.unit), colour)
