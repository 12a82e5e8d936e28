"""The colours a picture is painted in."""

from typing import NamedTuple

Colour = tuple[int, int, int]


class Palette(NamedTuple):
    """`sky` from top to horizon, `far` and `near` for what stands before it, `light`, and `ink` for
    the title.
    """

    sky: tuple[Colour, ...]
    far: Colour
    near: Colour
    light: Colour
    ink: Colour


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """`one` with that share of `other` in it."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _palette(sky: str, far: str, near: str, light: str, ink: str) -> Palette:
    return Palette(tuple(map(_hex, sky.split())), _hex(far), _hex(near), _hex(light), _hex(ink))


def _hex(text: str) -> Colour:
    return int(text[:2], 16), int(text[2:4], 16), int(text[4:6], 16)


PALETTES = {
    "dusk": _palette("1d1a3d 5a2f66 c9536b ffb36b", "8a4a6c", "170f2b", "ffe0a8", "fff3e2"),
    "ember": _palette("2a0d12 7a1d1f d4512a f7a04a", "8f2f22", "1c0a0c", "ffd48a", "ffeedd"),
    "ice": _palette("0d2436 2d6480 8fc1cf e6f1ee", "7ba6b8", "10293a", "ffffff", "f6fbfb"),
    "ink": _palette("07090f 10182b 22345a 3f5f8f", "1c2b4a", "05070c", "dfe8ff", "eaf0ff"),
    "moss": _palette("0f1f17 24452f 6d8a4a d7cf86", "3f6440", "0b1710", "f6eeb0", "f8f5dc"),
    "sand": _palette("e9d3a7 efdcb5 f3e4c4 f7ecd4", "cfa468", "6b3f24", "c2452d", "3b2012"),
    "gold": _palette("3a1f0c 9a5517 e6a235 f9dc8c", "b06a1f", "2b1507", "fff2c4", "fff6dc"),
    "rose": _palette("3b1230 8c2b56 e0718a f8c9b8", "a0486b", "2a0c23", "ffe9dc", "fff0ea"),
    "teal": _palette("04222b 0d4a55 2f8c8a a9d8c0", "1d6468", "031a20", "f0fbe6", "effbf2"),
    "coral": _palette("f6b79a f4a488 f08d78 ea7468", "2f7f86", "17454d", "fff4dc", "fffaf0"),
    "rust": _palette("d9c6a5 dca873 cf7d46 a9502a", "8b4426", "2c1710", "f8e6bd", "2a140c"),
    "plum": _palette("180a24 37164a 6b2f75 b35f8f", "56265f", "12071b", "ffcf7a", "ffe9c9"),
    "slate": _palette("1b242c 33434f 5f7582 9fb0b5", "46596a", "131a20", "ffcc66", "f3f1e8"),
    "neon": _palette("0a0620 23105a 7a1f8e ff4f8b", "3a1a78", "070414", "5ff0ff", "fdf3ff"),
    "paper": _palette("f3ead7 f1e6cf eee0c5 e9d8b8", "7d9a93", "22323a", "d8432b", "1d2a31"),
    "mono": _palette("0c0c0e 1a1a1d 2b2b30 46464d", "2b2b30", "050506", "f3efe6", "f3efe6"),
    "spring": _palette("fbe3df f6c9cf eaa9bb d98aa8", "5b8f72", "2c5442", "fff7ec", "274a3b"),
    "sky": _palette("3f7fb5 79b0d3 b9d9e6 f3efe0", "6d9bb3", "1e3f57", "fff6df", "ffffff"),
    "marigold": _palette("f3b32c f0a527 ec9523 e5801f", "1f3a5f", "14233b", "fbeed2", "14233b"),
    "night": _palette("060b1c 0d1a3c 1e3566 46608c", "16264c", "040814", "ffe3a6", "f4f0e4"),
}
