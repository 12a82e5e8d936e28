"""Titles set on posters."""

from collections.abc import Sequence
from functools import cache

from PIL import ImageDraw, ImageFont

from mydia_web.demo.art.paint import Canvas
from mydia_web.demo.art.palettes import Colour

_MARGIN = 0.085


def set_title(canvas: Canvas, title: str, note: str, style: str) -> None:
    """The title with a small line under it. `style` says where and how."""
    styles = {
        "foot": _foot,
        "head": _head,
        "left": _left,
        "wide": _wide,
        "page": _page,
        "label": _label,
    }
    styles[style](canvas, title, note)


def _foot(canvas: Canvas, title: str, note: str) -> None:
    """Centred capitals at the foot."""
    _quieten(canvas)
    lines = _broken(title.upper(), 13)
    size = _fitting(canvas, lines, 0.13, tracking=0.06)
    bottom = 0.905 * canvas.height
    _rows(canvas, lines, bottom - 1.12 * size * len(lines), size, tracking=0.06, bold=True)
    _row(
        canvas, note.upper(), canvas.width / 2, bottom + 0.022 * canvas.height, 0.034, tracking=0.25
    )


def _head(canvas: Canvas, title: str, note: str) -> None:
    """Centred capitals at the head."""
    lines = _broken(title.upper(), 11)
    size = _fitting(canvas, lines, 0.15, tracking=0.03)
    _rows(canvas, lines, 0.06 * canvas.height, size, tracking=0.03, bold=True)
    _row(
        canvas,
        note.upper(),
        canvas.width / 2,
        0.075 * canvas.height + 1.12 * size * len(lines),
        0.034,
        tracking=0.25,
    )


def _left(canvas: Canvas, title: str, note: str) -> None:
    """Large, stacked, flush left at the foot, as it is written."""
    lines = _broken(title, 10)
    size = _fitting(canvas, lines, 0.17, tracking=-0.01)
    top = 0.905 * canvas.height - 1.04 * size * len(lines)
    for number, line in enumerate(lines):
        _letters(
            canvas, line, _MARGIN * canvas.width, top + 1.04 * size * number, size, -0.01, bold=True
        )
    small = 0.04 * canvas.width
    _letters(canvas, note, _MARGIN * canvas.width, 0.925 * canvas.height, small, 0.08, bold=False)


def _page(canvas: Canvas, title: str, note: str) -> None:
    """Flush left at the head, in the size of a book's title page: for long ones."""
    lines = _broken(title, 16)
    size = _fitting(canvas, lines, 0.11, tracking=-0.01)
    left, top = _MARGIN * canvas.width, 0.06 * canvas.height
    for number, line in enumerate(lines):
        _letters(canvas, line, left, top + 1.12 * size * number, size, -0.01, bold=True)
    _letters(
        canvas,
        note,
        left,
        top + 1.12 * size * len(lines) + 0.4 * size,
        0.04 * canvas.width,
        0.08,
        bold=False,
    )


def _label(canvas: Canvas, title: str, note: str) -> None:
    """On a plain label across the foot: for pictures without a quiet place."""
    canvas.box(0, 0.74, 1, 1, canvas.palette.sky[0])
    canvas.box(0, 0.74, 1, 0.746, canvas.palette.ink)
    lines = _broken(title, 14)
    size = _fitting(canvas, lines, 0.11, tracking=0)
    left, top = _MARGIN * canvas.width, 0.775 * canvas.height
    for number, line in enumerate(lines):
        _letters(canvas, line, left, top + 1.08 * size * number, size, 0, bold=True)
    _letters(canvas, note, left, 0.94 * canvas.height, 0.04 * canvas.width, 0.08, bold=False)


def _wide(canvas: Canvas, title: str, note: str) -> None:
    """Thin and widely spaced, between two rules."""
    _quieten(canvas)
    lines = _broken(title.upper(), 12)
    size = _fitting(canvas, lines, 0.085, tracking=0.32)
    top = 0.9 * canvas.height - 1.45 * size * len(lines)
    _rows(canvas, lines, top, size, tracking=0.32, bold=False, leading=1.45)
    for y in (top - 0.5 * size, top + 1.45 * size * len(lines) + 0.15 * size):
        canvas.line(
            [(0.3, y / canvas.height), (0.7, y / canvas.height)], canvas.palette.ink, 0.25, 200
        )
    _row(canvas, note.upper(), canvas.width / 2, 0.94 * canvas.height, 0.032, tracking=0.25)


def _quieten(canvas: Canvas) -> None:
    """Darken the foot of the picture where the title is light."""
    if sum(canvas.palette.ink) > 500:
        canvas.veil(0.62, 0.86, canvas.palette.near, 0, 0.55)
        canvas.veil(0.86, 1.01, canvas.palette.near, 0.55, 0.8)


def _rows(
    canvas: Canvas,
    lines: Sequence[str],
    top: float,
    size: float,
    *,
    tracking: float,
    bold: bool,
    leading: float = 1.12,
) -> None:
    for number, line in enumerate(lines):
        left = (canvas.width - _width(line, size, tracking)) / 2
        _letters(canvas, line, left, top + leading * size * number, size, tracking, bold=bold)


def _row(
    canvas: Canvas, text: str, middle: float, top: float, share: float, *, tracking: float
) -> None:
    size = share * canvas.width
    _letters(
        canvas, text, middle - _width(text, size, tracking) / 2, top, size, tracking, bold=False
    )


def _letters(
    canvas: Canvas, text: str, left: float, top: float, size: float, tracking: float, *, bold: bool
) -> None:
    ink: Colour = canvas.palette.ink
    font, draw = _font(round(size)), ImageDraw.Draw(canvas.image)
    stroke = round(size * 0.022) if bold else 0
    for letter in text:
        draw.text((left, top), letter, fill=ink, font=font, stroke_width=stroke, stroke_fill=ink)
        left += font.getlength(letter) + tracking * size


def _fitting(canvas: Canvas, lines: Sequence[str], share: float, *, tracking: float) -> float:
    """The size at which the longest line fills the width, but no larger than `share` of it."""
    room = (1 - 2 * _MARGIN) * canvas.width
    widest = max(_width(line, 100, tracking) for line in lines) / 100
    return min(share * canvas.width, room / widest)


def _width(text: str, size: float, tracking: float) -> float:
    font = _font(round(size))
    return sum(font.getlength(letter) + tracking * size for letter in text) - tracking * size


def _broken(title: str, width: int) -> list[str]:
    """The title in lines of about `width` letters, small words kept with what follows."""
    lines, line = [], ""
    for word in title.split():
        if line and len(line) + 1 + len(word) > width and len(line) > 3:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [*lines, line]


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font
