"""Days in names, as shows that come out daily are called: `2024-01-15`, `15.01.2024`, `15 January
2024`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

Order = Literal["day", "month"]

_YEAR = r"(?P<year>(?:19|20)\d\d)"
_YEAR_FIRST = re.compile(
    rf"(?<!\d){_YEAR}(?:(?P<dot>[-. _])(?P<one>\d\d)(?P=dot)(?P<other>\d\d)|-(?P<one_1>\d\d?)-(?P<other_1>\d\d?))(?!\d)"
)
_YEAR_LAST = re.compile(
    rf"(?<![^\W_])(?<!\d\.)(?P<one>\d\d?)(?P<dot>[-. _])(?P<other>\d\d?)(?P=dot){_YEAR}(?!\d)"
)
_TOGETHER = re.compile(
    rf"(?<![\w]){_YEAR}(?P<one>0[1-9]|1[0-2])(?P<other>0[1-9]|[12]\d|3[01])(?!\d)"
)
_SHORT = re.compile(
    r"(?<=[\w!?][ ._])(?P<year>[0-3]\d)(?P<one>0[1-9]|1[0-2])(?P<other>0[1-9]|[12]\d|3[01])(?=$|[ ._-])"
)
#: Without its century a day may be anything, but it is no number of an episode.
_BOTH_SHORT = re.compile(
    r"(?<![^\W_])(?<!\d\.)(?:[0-3]\d)(?P<dot>[-.])(?:[0-3]\d)(?P=dot)\d\d(?![^\W_]|[-.]\d)"
)
_CJK = re.compile(rf"{_YEAR}年[ ]?(?P<one>\d\d?)月[ ]?(?P<other>\d\d?)日")
_MONTHS = {
    month: number
    for number, names in enumerate(
        (
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
        ),
        start=1,
    )
    for month in names.split()
}
_MONTH = "(?P<month>" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + r")\.?"
_IN_WORDS = (
    re.compile(
        rf"(?<!\d)(?P<day>\d\d?)(?:st|nd|rd|th|\.)?[ ._-]+(?:of[ ]|de[ ])?{_MONTH},?[ ._-]+{_YEAR}(?!\d)",
        re.IGNORECASE,
    ),
    re.compile(
        rf"(?<![^\W_]){_MONTH}[ ._-]+(?P<day>\d\d?)(?:st|nd|rd|th)?,?[ ._]+{_YEAR}(?!\d)",
        re.IGNORECASE,
    ),
    re.compile(rf"(?<!\d){_YEAR}[ ._-]+{_MONTH}[ ._-]+(?P<day>\d\d?)(?!\d)", re.IGNORECASE),
)
_LAST_MONTH = 12


@dataclass(frozen=True, slots=True)
class Day:
    """A day in a name. `date` is None where day and month could be either."""

    date: date | None
    start: int
    end: int


def find(stem: str, order: Order | None = None) -> Day | None:
    """Return the day a name says. `order`: which of the two the names beside it write first."""
    for pattern in (_YEAR_FIRST, _CJK, _TOGETHER):
        if (found := pattern.search(stem)) and (day := _year_first(found)):
            return Day(day, *found.span())
    for pattern in _IN_WORDS:
        if (found := pattern.search(stem)) and (day := _in_words(found)):
            return Day(day, *found.span())
    if found := _YEAR_LAST.search(stem):
        return _year_last(found, order)
    if (found := _SHORT.search(stem)) and (
        day := _valid(2000 + int(found["year"]), found["one"], found["other"])
    ):
        return Day(day, *found.span())
    return Day(None, *found.span()) if (found := _BOTH_SHORT.search(stem)) else None


def order_of(stems: Iterable[str]) -> Order | None:
    """Return what the names of one folder write first, where a day above 12 tells."""
    orders = {
        order for stem in stems if (found := _YEAR_LAST.search(stem)) and (order := _order(found))
    }
    return orders.pop() if len(orders) == 1 else None


def _order(found: re.Match[str]) -> Order | None:
    one, other = int(found["one"]), int(found["other"])
    if one > _LAST_MONTH >= other:
        return "day"
    return "month" if other > _LAST_MONTH >= one else None


def _year_last(found: re.Match[str], order: Order | None) -> Day | None:
    year, one, other = int(found["year"]), found["one"], found["other"]
    by_day, by_month = _valid(year, other, one), _valid(year, one, other)
    if not by_day and not by_month:
        return None
    if by_day and by_month and by_day != by_month:
        sure = {"day": by_day, "month": by_month, None: None}[order]
    else:
        sure = by_day or by_month
    return Day(sure, *found.span())


def _year_first(found: re.Match[str]) -> date | None:
    """Some write the day before the month here too, which a number above 12 tells."""
    groups = {name.partition("_")[0]: value for name, value in found.groupdict().items() if value}
    year, one, other = int(groups["year"]), groups["one"], groups["other"]
    return _valid(year, one, other) or _valid(year, other, one)


def _in_words(found: re.Match[str]) -> date | None:
    return _valid(int(found["year"]), str(_MONTHS[found["month"].lower()]), found["day"])


def _valid(year: int, month: str, day: str) -> date | None:
    try:
        return date(year, int(month), int(day))
    except ValueError:
        return None
