"""guessit, for names that keep to no convention: what it is given and what it answers, corrected in
one place.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from mydia_web.backends.folder import convention
from mydia_web.backends.folder.convention import Titled

#: Words that guessit takes out of titles though they are of them, and what is asked instead.
_MASKED = (
    #: `Part 1` and `Vol. 2` are dropped, and films of several parts become one.
    (
        re.compile(
            r"(?i)\b(part|pt|vol|volume|chapter|teil)([ ._]*)(\d{1,2}|[ivx]{1,4}|one|two|three)\b"
        ),
        r"\1zq\3",
    ),
)
_UNMASKED = re.compile(r"(?i)\b(part|pt|vol|volume|chapter|teil)zq(\w+)")


@lru_cache(maxsize=16384)
def ask(name: str, kind: str) -> Mapping[str, Any]:
    """Return guessit's answer; `kind` is `movie`, `episode`, or "" where it is to tell."""
    # Only here: whoever has no folder is spared its 7 MB in every process.
    from guessit.api import GuessitException, guessit  # noqa: PLC0415

    # `Naruto 103` is episode 103 and not season 1, episode 3: a wrong mark is worse than none.
    options: dict[str, object] = {
        "name_only": True,
        "no_user_config": True,
        "episode_prefer_number": True,
    }
    if kind:
        options["type"] = kind
    for pattern, masked in _MASKED:
        name = pattern.sub(masked, name)
    try:
        return dict(guessit(f"{name}.mkv", options))
    except GuessitException:
        return {}


def titled(guess: Mapping[str, Any]) -> Titled:
    """A film called 1917 is nothing but a year to guessit: then neither is known."""
    title = title_of(guess)
    return Titled(title, year_of(guess) if title else None)


def title_of(guess: Mapping[str, Any]) -> str:
    title = _text(guess.get("title"))
    more = _text(guess.get("alternative_title")) or _text(guess.get("episode_title"))
    if guess.get("type") == "movie" and more:
        title = f"{title} - {more}"
    if title and (country := getattr(_first(guess.get("country")), "alpha2", "")):
        title = f"{title} ({'UK' if country == 'GB' else country})"
    return convention.neat(title)


def year_of(guess: Mapping[str, Any]) -> int | None:
    value = _first(guess.get("year"))
    return value if isinstance(value, int) else None


def episode_title(guess: Mapping[str, Any]) -> str:
    return _text(guess.get("episode_title"))


def _first(value: object) -> object:
    if not isinstance(value, list):
        return value
    return next(iter(value), None)


def _text(value: object) -> str:
    return _UNMASKED.sub(r"\1 \2", str(_first(value) or ""))
