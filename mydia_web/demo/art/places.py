"""Scenes that people built."""

import math

from mydia_web.demo.art.landscapes import walker
from mydia_web.demo.art.paint import Canvas, curve
from mydia_web.demo.art.palettes import mix


def city(canvas: Canvas) -> None:
    """Roofs and lit windows under a large moon."""
    sky, far, near, light, _ = canvas.palette
    canvas.sky(sky, bottom=0.85)
    canvas.glow(0.66, 0.41, 55, light, 0.5)
    canvas.disc(0.66, 0.41, 17, mix(light, sky[-1], 0.15))
    for layer in range(3):
        colour, x = mix(mix(far, sky[-1], 0.35), near, layer / 2), -0.03
        while x < 1.03:
            wide, top = (
                canvas.dice.uniform(0.06, 0.15),
                0.42 + 0.13 * layer + canvas.dice.uniform(-0.09, 0.1),
            )
            canvas.box(x, top, x + wide, 1.02, colour)
            if canvas.dice.random() < 0.35:
                canvas.line([(x + wide / 2, top), (x + wide / 2, top - 0.06)], colour, 0.5)
            _windows(canvas, x, top, wide, layer)
            x += wide + canvas.dice.choice((0, 0.005, 0.02))
        canvas.veil(0.6, 1.01, mix(sky[-1], colour, 0.5), 0, 0.3 - 0.12 * layer)


def _windows(canvas: Canvas, x: float, top: float, wide: float, layer: int) -> None:
    light, step = canvas.palette.light, 0.022
    for row in range(1, 22):
        for column in range(1, int(wide / step)):
            if canvas.dice.random() < 0.2 + 0.08 * layer:
                left, y = x + column * step, top + row * step * 0.95
                canvas.box(
                    left, y, left + 0.009, y + 0.011, light, canvas.dice.choice((90, 150, 230))
                )


def rain(canvas: Canvas) -> None:
    """Street lamps out of focus behind a wet window."""
    sky, _, near, light, _ = canvas.palette
    canvas.sky((*sky[:3], near))
    for _ in range(30):
        x, y = canvas.dice.random(), canvas.dice.uniform(0.2, 0.75)
        colour = canvas.dice.choice(
            (light, mix(light, (230, 80, 60), 0.6), mix(light, sky[-1], 0.7))
        )
        canvas.disc(x, y, canvas.dice.uniform(3, 11), colour, canvas.dice.randint(35, 120))
    canvas.soften(1.1)
    for _ in range(26):
        x, y, wide = (
            canvas.dice.random(),
            canvas.dice.uniform(0.1, 0.7),
            canvas.dice.uniform(0.5, 1.1),
        )
        long = canvas.dice.uniform(0.08, 0.34)
        canvas.line([(x, y), (x, y + long)], mix(sky[-1], light, 0.3), wide, 70)
        canvas.disc(x, y + long, wide * 0.95, mix(sky[-1], light, 0.5), 190)
    for _ in range(240):
        place = canvas.dice.random(), canvas.dice.random()
        canvas.disc(
            *place,
            canvas.dice.uniform(0.25, 0.8),
            mix(sky[-1], light, 0.4),
            canvas.dice.randint(60, 170),
        )
    canvas.veil(0.6, 1.01, near, 0, 0.75)


def road(canvas: Canvas) -> None:
    """A straight road to a low sun, and poles along it."""
    sky, far, near, light, _ = canvas.palette
    canvas.sky(sky, bottom=0.56)
    canvas.disc(0.5, 0.5, 24, light, 245)
    canvas.ridge(0.54, 0.03, mix(far, sky[-1], 0.3), peaks=1.5, rough=0.4)
    canvas.sky((mix(far, sky[-1], 0.25), far, mix(far, near, 0.7)), top=0.56)
    canvas.shape([(0.487, 0.56), (0.513, 0.56), (0.95, 1.02), (0.05, 1.02)], near)
    for dash in range(9):
        t, end = (dash / 9) ** 2.2, ((dash + 0.5) / 9) ** 2.2
        y, below = 0.56 + 0.46 * t, 0.56 + 0.46 * end
        wide, wider = 0.001 + 0.014 * t, 0.001 + 0.014 * end
        canvas.shape(
            [(0.5 - wide, y), (0.5 + wide, y), (0.5 + wider, below), (0.5 - wider, below)], light
        )
    for pole in range(6):
        t = ((pole + 1) / 6) ** 2
        x, y, tall = 0.525 + 0.44 * t, 0.565 + 0.26 * t, 0.02 + 0.42 * t
        canvas.line([(x, y), (x, y - tall)], near, 0.25 + 1.1 * t)
        canvas.line(
            [(x - 0.08 * t, y - tall * 0.92), (x + 0.08 * t, y - tall * 0.92)], near, 0.2 + 0.8 * t
        )


def train(canvas: Canvas) -> None:
    """Light drawn out by speed, towards one point."""
    sky, far, near, light, _ = canvas.palette
    canvas.sky((near, *sky[:3]))
    centre = (0.5, 0.4)
    canvas.glow(*centre, 70, sky[-1], 0.95)
    for _ in range(150):
        turn, start = canvas.dice.uniform(0, math.tau), canvas.dice.uniform(0.04, 0.45)
        long, spread = canvas.dice.uniform(0.2, 1.0), canvas.dice.uniform(0.002, 0.011)
        colour = canvas.dice.choice(
            (light, sky[-1], far, mix(light, sky[-1], 0.5), (255, 240, 220))
        )
        ends = [
            (
                centre[0] + math.cos(turn + side) * far_out,
                centre[1] + math.sin(turn + side) * far_out * 0.8,
            )
            for far_out, side in ((start, 0), (start + long, -spread), (start + long, spread))
        ]
        canvas.shape(ends, colour, canvas.dice.randint(70, 220))
    canvas.glow(*centre, 26, (255, 246, 235), 1)
    canvas.disc(*centre, 3.2, (255, 250, 240))


def arches(canvas: Canvas) -> None:
    """Doors within doors, the last one lit."""
    sky, far, near, light, _ = canvas.palette
    canvas.sky((near, mix(near, far, 0.4)))
    count = 7
    for door in range(count):
        share = door / (count - 1)
        wide = 0.46 * (1 - share) + 0.065
        colour = mix(mix(near, far, 0.25 + 0.6 * share), sky[-1], 0.75 * share**2)
        _arch(
            canvas,
            wide,
            0.08 + 0.34 * share,
            1.02 - 0.25 * share,
            colour if door < count - 1 else light,
        )
    canvas.glow(0.5, 0.62, 40, light, 0.5)
    canvas.shape([(0.435, 0.77), (0.565, 0.77), (0.8, 1.02), (0.2, 1.02)], light, 90)
    walker(canvas, 0.5, 0.785, 11)


def _arch(
    canvas: Canvas, wide: float, top: float, bottom: float, colour: tuple[int, int, int]
) -> None:
    radius = wide * canvas.width
    (left, y), (right, floor) = canvas.at(0.5 - wide, top), canvas.at(0.5 + wide, bottom)
    canvas.draw.ellipse((left, y, right, y + 2 * radius), fill=colour)
    canvas.draw.rectangle((left, y + radius, right, max(floor, y + radius)), fill=colour)


def tiles(canvas: Canvas) -> None:
    """A floor of quarter circles."""
    sky, far, near, light, _ = canvas.palette
    canvas.sky(sky[:1])
    columns = 4 if not canvas.is_wide else 8
    side = canvas.width / columns
    colours = (far, near, light, sky[-1], (200, 62, 44))
    for row in range(math.ceil(canvas.height / side)):
        for column in range(columns):
            left, top = column * side, row * side
            back, front = canvas.dice.sample(colours, 2)
            canvas.draw.rectangle((left, top, left + side, top + side), fill=back)
            turn = canvas.dice.choice((0, 90, 180, 270))
            dx, dy = {0: (-1, -1), 90: (0, -1), 180: (0, 0), 270: (-1, 0)}[turn]
            corner = (
                left + dx * side,
                top + dy * side,
                left + (dx + 2) * side,
                top + (dy + 2) * side,
            )
            canvas.draw.pieslice(corner, turn, turn + 90, fill=front)
            if canvas.dice.random() < 0.3:
                r, x, y = side * 0.17, left + side / 2, top + side / 2
                canvas.draw.ellipse(
                    (x - r, y - r, x + r, y + r), fill=back if front is light else light
                )


def window(canvas: Canvas) -> None:
    """Evening light through a window, on the wall of an empty room."""
    sky, far, near, light, _ = canvas.palette
    canvas.sky((mix(far, near, 0.35), mix(far, near, 0.1), far), bottom=0.76)
    canvas.glow(0.46, 0.36, 80, sky[-1], 0.7)
    lean, tall, wide = 0.12, 0.2, 0.21
    for column in range(2):
        for row in range(2):
            x, y = 0.24 + column * (wide + 0.025), 0.17 + row * (tall + 0.022) + column * 0.035
            pane = [
                (x + row * 0.02, y),
                (x + wide + row * 0.02, y + 0.03),
                (x + wide + 0.02, y + tall + 0.03),
            ]
            canvas.shape([*pane, (x + 0.02, y + tall)], light, 225)
    canvas.box(0, 0.76, 1, 1.02, near)
    canvas.box(0, 0.752, 1, 0.762, mix(near, far, 0.5))
    canvas.shape([(0.2, 0.77), (0.62, 0.77), (0.62 + lean, 0.93), (0.12, 0.93)], light, 46)
    canvas.box(0.7, 0.595, 0.83, 0.61, near)
    canvas.box(0.7, 0.47, 0.712, 0.79, near)
    canvas.box(0.818, 0.6, 0.83, 0.79, near)


def stairs(canvas: Canvas) -> None:
    """Steps that climb out of the picture."""
    sky, far, near, light, _ = canvas.palette
    canvas.sky(sky)
    canvas.disc(0.3, 0.55, 15, light)
    steps = 11
    for step in range(steps, 0, -1):
        x, y = step / steps, 0.92 - 0.5 * step / steps
        wide = 1.0 / steps
        canvas.box(x - wide, y, 1.02, 1.02, mix(far, near, 0.15 + 0.06 * (step % 2)))
        canvas.box(x - wide, y, x, y + 0.012, light)
    canvas.box(0, 0.92, 1.02, 1.02, near)
    walker(canvas, 0.59, 0.602, 10)


def lanterns(canvas: Canvas) -> None:
    """Paper lanterns let go over dark water."""
    sky, far, near, _, _ = canvas.palette
    canvas.sky((*sky[:3], mix(sky[2], sky[3], 0.5)), bottom=0.8)
    canvas.ridge(0.78, 0.06, mix(far, near, 0.5), peaks=1.8)
    canvas.box(0, 0.8, 1, 1.02, near)
    for index in range(24):
        share = index / 24
        x, y = canvas.dice.uniform(0.05, 0.95), canvas.dice.uniform(0.05, 0.72)
        size = (1.2 + 6.5 * share**2) * canvas.unit / canvas.width
        tall = 1.45 * size * canvas.width / canvas.height
        warm = mix((255, 190, 92), (255, 104, 44), canvas.dice.uniform(0.0, 0.8))
        canvas.glow(x, y, 6 + 14 * share**2, warm, 0.55)
        dome = curve((x - size, y), (x, y - 2 * tall), (x + size, y))
        canvas.shape([*dome, (x + 0.66 * size, y + tall), (x - 0.66 * size, y + tall)], warm)
        heart = curve((x - 0.6 * size, y + tall), (x, y - 0.6 * tall), (x + 0.6 * size, y + tall))
        canvas.shape(heart, mix(warm, (255, 250, 220), 0.65))
        canvas.line(
            [(x - size, 0.82 + 0.1 * share), (x + size, 0.82 + 0.1 * share)], warm, 0.5, 150
        )


def beam(canvas: Canvas) -> None:
    """A lighthouse and its two beams."""
    sky, far, near, light, _ = canvas.palette
    canvas.sky(sky, bottom=0.8)
    canvas.stars(90, 0.5)
    canvas.shape([(0.36, 0.345), (-0.1, 0.1), (-0.1, 0.34)], light, 105)
    canvas.shape([(0.36, 0.345), (1.1, 0.2), (1.1, 0.62)], light, 135)
    canvas.glow(0.36, 0.345, 30, light, 0.9)
    canvas.shape([(0.325, 0.4), (0.395, 0.4), (0.425, 0.8), (0.295, 0.8)], mix(near, far, 0.25))
    for band in range(3):
        y, side = 0.46 + 0.11 * band, 0.04 + 0.008 * band
        lower = [(0.363 + side, y + 0.05), (0.357 - side, y + 0.05)]
        canvas.shape([(0.36 - side, y), (0.36 + side, y), *lower], light, 220)
    canvas.box(0.31, 0.385, 0.41, 0.4, near)
    canvas.box(0.335, 0.315, 0.385, 0.386, light)
    canvas.shape([(0.325, 0.317), (0.36, 0.28), (0.395, 0.317)], near)
    canvas.ridge(0.83, 0.07, mix(far, near, 0.65), peaks=1.1)
    canvas.ridge(0.92, 0.05, near, peaks=1.7)


def pool(canvas: Canvas) -> None:
    """A swimming pool from above, at noon."""
    sky, far, near, light, _ = canvas.palette
    canvas.sky(sky)
    canvas.shape([(0.12, 0.2), (0.74, 0.2), (0.88, 0.72), (0.12, 0.72)], light)
    canvas.shape([(0.16, 0.225), (0.71, 0.225), (0.833, 0.695), (0.16, 0.695)], far)
    for row in range(16):
        y = 0.25 + 0.43 * row / 16
        points = [(0.17 + x / 60, y + 0.007 * math.sin(x * 0.8 + row * 1.7)) for x in range(32)]
        canvas.line(points, mix(far, light, 0.4), 0.4, 150)
    canvas.shape(
        [(0.4, 0.8), (0.62, 0.72), (0.665, 0.75), (0.46, 0.86)], mix(near, sky[-1], 0.55), 120
    )
    canvas.shape([(0.42, 0.56), (0.49, 0.56), (0.54, 0.8), (0.46, 0.8)], light)
    canvas.disc(0.3, 0.4, 6.5, (244, 190, 60))
    canvas.disc(0.3, 0.4, 3.2, far)


def rooms(canvas: Canvas) -> None:
    """Nine windows of one house, each with an evening of its own."""
    sky, far, near, light, _ = canvas.palette
    canvas.sky((near, mix(near, far, 0.5)))
    columns, rows = (3, 3) if not canvas.is_wide else (5, 2)
    top, bottom = (0.24, 0.93) if not canvas.is_wide else (0.08, 1.0)
    warm = (
        light,
        mix(light, sky[-1], 0.6),
        sky[-1],
        mix(sky[2], sky[-1], 0.4),
        mix(near, far, 0.9),
        sky[1],
    )
    for index in range(columns * rows):
        row, column = divmod(index, columns)
        x, y = (column + 0.16) / columns, top + (bottom - top) * (row + 0.08) / rows
        right, low = x + 0.68 / columns, y + (bottom - top) * 0.8 / rows
        colour = canvas.dice.choice(warm)
        canvas.box(x, y, right, low, colour)
        _someone(canvas, index, (x, y, right, low))
        canvas.box((x + right) / 2 - 0.004, y, (x + right) / 2 + 0.004, low, near)
        canvas.box(x, y + 0.3 * (low - y), right, y + 0.3 * (low - y) + 0.005, near)
        canvas.box(x - 0.012, low, right + 0.012, low + 0.012, mix(near, far, 0.8))


def _someone(canvas: Canvas, index: int, pane: tuple[float, float, float, float]) -> None:
    """What stands in a window: a person, a lamp, a curtain or a plant; often nothing."""
    x, y, right, low = pane
    near, middle = canvas.palette.near, x + (right - x) * canvas.dice.uniform(0.3, 0.7)
    what = (index + canvas.dice.randint(0, 1)) % 5
    if what == 0:
        tall = low - y
        wide = 0.34 * tall * canvas.height / canvas.width
        canvas.disc(middle, low - 0.5 * tall, 0.15 * tall * canvas.height / canvas.unit, near)
        canvas.shape(
            curve((middle - wide, low), (middle, low - 0.72 * tall), (middle + wide, low)), near
        )
    elif what == 1:
        canvas.line([(middle, y), (middle, y + 0.3 * (low - y))], near, 0.4)
        canvas.disc(
            middle, y + 0.36 * (low - y), 2.6, mix(canvas.palette.light, (255, 255, 255), 0.5)
        )
    elif what == 2:
        for side, edge in ((1, x), (-1, right)):
            drape = curve((edge, y), (edge + side * 0.1, y + 0.1), (edge, low))
            canvas.shape([*drape, (edge, y)], near, 150)
    elif what == 3:
        for turn in (-0.035, -0.015, 0.01, 0.03):
            leaf = (middle + turn, low - 0.4 * (low - y))
            canvas.line(curve((middle, low), (middle, low - 0.25 * (low - y)), leaf), near, 0.9)
