"""Days in the names of shows that come out daily: `2024-01-15`, `15.01.2024`, `15 January 2024`."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from mydia_web.backends.folder.words import BEGIN, groups, verbose

#: The number that a name writes first.
Order = Literal["day", "month"]


_YEAR = r"(?P<year>(?:19|20)\d\d)"
_TWO_DIGIT_MONTH = r"(?: 0[1-9] | 1[0-2] )"
_TWO_DIGIT_DAY = r"(?: 0[1-9] | [12]\d | 3[01] )"
#: The century of a day without one.
_CENTURY = 2000
_LAST_MONTH = 12

#: `2024-01-15`, `2024.01.15`, `2024-1-5`.
_YEAR_FIRST = verbose(rf"""
    (?<!\d) {_YEAR}
    (?: (?P<sign>[-. _]) (?P<first>\d\d) (?P=sign) (?P<second>\d\d)
      | - (?P<first_2>\d\d?) - (?P<second_2>\d\d?) )
    (?!\d)
""")
#: `2024年1月15日`.
_CJK = verbose(rf"{_YEAR}年[ ]? (?P<first>\d\d?)月[ ]? (?P<second>\d\d?)日")
#: `20240115`.
_TOGETHER = verbose(rf"""
    (?<!\w) {_YEAR} (?P<first>{_TWO_DIGIT_MONTH}) (?P<second>{_TWO_DIGIT_DAY}) (?!\d)
""")
#: `15.01.2024`, `1/15/2024` with any of the signs.
_YEAR_LAST = verbose(rf"""
    {BEGIN} (?<!\d\.)
    (?P<first>\d\d?) (?P<sign>[-. _]) (?P<second>\d\d?) (?P=sign) {_YEAR}
    (?!\d)
""")
#: `240115` behind a title.
_SHORT = verbose(rf"""
    (?<= [\w!?][ ._] )
    (?P<year>[0-3]\d) (?P<first>{_TWO_DIGIT_MONTH}) (?P<second>{_TWO_DIGIT_DAY})
    (?= $ | [ ._-] )
""")
#: Without its century a day may be anything, but it is no number of an episode.
_BOTH_SHORT = verbose(rf"""
    {BEGIN} (?<!\d\.) [0-3]\d (?P<sign>[-.]) [0-3]\d (?P=sign) \d\d (?! [^\W_] | [-.]\d )
""")

_MONTH_NAMES = (
    "january jan januar janvier enero gennaio",
    "february feb februar février febrero febbraio",
    "march mar märz mars marzo",
    "april apr avril abril aprile",
    "may mai mayo maggio",
    "june jun juni juin junio giugno",
    "july jul juli juillet julio luglio",
    "august aug août agosto",
    "september sep sept septembre septiembre settembre",
    "october oct oktober okt octobre octubre ottobre",
    "november nov novembre noviembre",
    "december dec dezember dez décembre diciembre dicembre",
)
_MONTHS = {
    name: number for number, names in enumerate(_MONTH_NAMES, start=1) for name in names.split()
}
_MONTH = "(?P<month>" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + r")\.?"
_IN_WORDS = (
    #: `15th of January, 2024`.
    verbose(rf"""
        (?<!\d) (?P<day>\d\d?) (?:st|nd|rd|th|\.)? [ ._-]+ (?: of[ ] | de[ ] )?
        {_MONTH} ,?[ ._-]+ {_YEAR} (?!\d)
    """),
    #: `January 15th, 2024`.
    verbose(rf"""
        {BEGIN} {_MONTH} [ ._-]+ (?P<day>\d\d?) (?:st|nd|rd|th)? ,?[ ._]+ {_YEAR} (?!\d)
    """),
    #: `2024 January 15`.
    verbose(rf"(?<!\d) {_YEAR} [ ._-]+ {_MONTH} [ ._-]+ (?P<day>\d\d?) (?!\d)"),
)


@dataclass(frozen=True, slots=True)
class Day:
    """A day in a name. `date` is None where day and month could be either."""

    date: date | None
    start: int
    end: int


def find(stem: str, order: Order | None = None) -> Day | None:
    """Return the day in a name. `order`: which of the two the names beside it write first."""
    for pattern, read in _SURE_PATTERNS:
        match = pattern.search(stem)
        day = read(match) if match else None
        if match and day:
            return Day(day, *match.span())
    if match := _YEAR_LAST.search(stem):
        return _year_last(match, order)
    if match := _SHORT.search(stem):
        year = _CENTURY + int(match["year"])
        if day := _valid(year, match["first"], match["second"]):
            return Day(day, *match.span())
    if match := _BOTH_SHORT.search(stem):
        return Day(None, *match.span())
    return None


def order_of(stems: Iterable[str]) -> Order | None:
    """Return which of the two the names of one folder write first, where a day above 12 tells."""
    matches = filter(None, map(_YEAR_LAST.search, stems))
    orders = {_order(match) for match in matches} - {None}
    return orders.pop() if len(orders) == 1 else None


def _order(match: re.Match[str]) -> Order | None:
    first = int(match["first"])
    second = int(match["second"])
    if first > _LAST_MONTH >= second:
        return "day"
    if second > _LAST_MONTH >= first:
        return "month"
    return None


def _year_last(match: re.Match[str], order: Order | None) -> Day | None:
    year = int(match["year"])
    day_first = _valid(year, match["second"], match["first"])
    month_first = _valid(year, match["first"], match["second"])
    if not day_first and not month_first:
        return None
    is_ambiguous = day_first and month_first and day_first != month_first
    if not is_ambiguous:
        return Day(day_first or month_first, *match.span())
    by_order = {"day": day_first, "month": month_first, None: None}
    return Day(by_order[order], *match.span())


def _year_first(match: re.Match[str]) -> date | None:
    """Read month and day, or day and month where a number above 12 tells."""
    parts = groups(match)
    year = int(parts["year"])
    month_first = _valid(year, parts["first"], parts["second"])
    return month_first or _valid(year, parts["second"], parts["first"])


def _in_words(match: re.Match[str]) -> date | None:
    month = _MONTHS[match["month"].lower()]
    return _valid(int(match["year"]), str(month), match["day"])


def _valid(year: int, month: str, day: str) -> date | None:
    try:
        return date(year, int(month), int(day))
    except ValueError:
        return None


_SURE_PATTERNS = (
    *((pattern, _year_first) for pattern in (_YEAR_FIRST, _CJK, _TOGETHER)),
    *((pattern, _in_words) for pattern in _IN_WORDS),
)
