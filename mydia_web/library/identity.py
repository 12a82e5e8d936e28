"""Which evidence makes two things the same film, show or episode. Pure; docs/design.md has the rule
as a table.

Wrong is worse than not recognised: where the evidence disagrees and nothing decides, nobody is
merged.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from mydia_web.library.names import title_key

Known = TypeVar("Known")
Kind = Literal["movie", "show"]

#: Catalogues date a title by its first showing anywhere or here: that far apart may still be one.
SAME_YEAR = 1
#: An id alone is believed of a title of another name only when the years are no further apart.
NEAR_YEAR = 2

#: A name that a machine or a habit gives to any file.
_NAMES_OF_ANYTHING = re.compile(
    r"(?:movie|film|video|videos|feature|main feature|main movie|main|untitled|unknown|title|titel|clip|sample"
    r"|trailer|intro|disc|disk|dvd|cd|part|pt|teil|episode|ep|folge|chapter|track|vts|title t|tba|tbd)?"
    r"[\s._#-]*t?(?:[0-9]{1,3}|[ivx]{1,4})?(?:[\s._-]+[0-9]{1,3})*"
)
_NUMBER_IN_CJK = re.compile(r"[第]?\s*[0-9〇零一二三四五六七八九十百]+\s*[話话集回章화회부편]?")


class Undecided(Exception):
    """The evidence does not tell what it is; the words say why."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate(Generic[Known]):
    """A known film or show, and what speaks for it and against it being the one that is asked for."""

    known: Known
    #: Ids that both have, and catalogues that know the two under different ids.
    agreeing: int = 0
    contradicting: int = 0
    has_same_name: bool = False
    #: None where one of the years is not known.
    years_apart: int | None = None

    @property
    def is_sure(self) -> bool:
        """Return whether its ids alone decide: all that are comparable agree, and name and year do
        not both differ.
        """
        differs = not self.has_same_name and bool(self.years_apart)
        return bool(self.agreeing) and not self.contradicting and not differs

    @property
    def is_confirmed(self) -> bool:
        """Return whether name and year speak for it; without an id that does too, the year has to
        be known.
        """
        if not self.has_same_name:
            return False
        if self.agreeing:
            return self.years_apart is None or self.years_apart <= SAME_YEAR
        return self.years_apart == 0

    def is_named(self, kind: Kind) -> bool:
        """Return whether name and year are evidence where no id is. A show's year is often left
        out.
        """
        if not self.has_same_name or self.contradicting:
            return False
        return self.years_apart == 0 or (kind == "show" and self.years_apart is None)


def choose(candidates: Sequence[Candidate[Known]], kind: Kind) -> Known | None:
    """Return the candidate it is; None: it is a new one. Raises `Undecided`."""
    by_ids = [one for one in candidates if one.agreeing]
    if not by_ids:
        return _choose_by_name(candidates, kind)
    if len(by_ids) == 1 and by_ids[0].is_sure:
        return by_ids[0].known
    confirmed = [one for one in candidates if one.is_confirmed]
    most = max((one.agreeing for one in confirmed), default=0)
    best = [one for one in confirmed if one.agreeing == most]
    if len(best) == 1:
        return best[0].known
    only = by_ids[0]
    if len(by_ids) == 1 and not only.contradicting and (only.years_apart or 0) <= NEAR_YEAR:
        return only.known
    raise Undecided("Its ids, its title and its year speak of different titles.")


def _choose_by_name(candidates: Sequence[Candidate[Known]], kind: Kind) -> Known | None:
    named = [one for one in candidates if one.is_named(kind)]
    if len(named) > 1:
        raise Undecided(
            f"There are {len(named)} titles like it, and it has no id that tells which it is."
        )
    return named[0].known if named else None


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeEvidence:
    """What speaks for the episode that an id leads to, beside that id."""

    #: None: the shows have different names, and no id of a show tells.
    is_same_show: bool | None
    has_same_number: bool = False
    #: The title of an episode, not one that any episode might have.
    has_same_title: bool = False
    #: Something speaks for the episode of the listed number: it was known as that, or that has its
    #: title; or this source lists another file as the episode of the id.
    is_claimed_by_number: bool = False


def is_believed(evidence: EpisodeEvidence) -> bool:
    """Return whether the id is believed. Else show, season and number decide."""
    if evidence.is_same_show is False:
        return evidence.has_same_number and evidence.has_same_title
    if evidence.is_same_show is None:
        return evidence.has_same_number or evidence.has_same_title
    return evidence.has_same_number or evidence.has_same_title or not evidence.is_claimed_by_number


def says_nothing(title: str) -> bool:
    """Return whether any file might be called so: `movie`, `Episode 3`, `01`, `第1話`. A year like
    1917 is a name.
    """
    plain = unicodedata.normalize("NFKC", title).casefold().strip(" .,-_[](){}#")
    if _NAMES_OF_ANYTHING.fullmatch(plain) or _NUMBER_IN_CJK.fullmatch(plain):
        return not re.fullmatch(r"[0-9]{4,}", plain)
    return not any(letter.isalnum() for letter in plain)


def is_same_name(one: str, other: str) -> bool:
    """Return whether two titles are the same but for case, accents, a leading article and
    punctuation.
    """
    plain_one, plain_other = _letters(one), _letters(other)
    return bool(plain_one) and plain_one == plain_other


def _letters(title: str) -> str:
    plain = title_key(title)
    letters = "".join(letter for letter in plain if letter.isalnum())
    return letters or plain
