"""The rule for when two things are the same film, show or episode; docs/design.md tabulates it.

Wrong is worse than not recognised: where evidence disagrees and nothing decides, nothing is merged.
Everything here is pure.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from mydia_web.library.content import title_key

Known = TypeVar("Known")
Kind = Literal["movie", "show"]

#: Catalogues date a title by its first showing anywhere, or here: so far apart may be the same.
SAME_YEAR = 1
#: An id alone is believed for another name only if the years are no further apart.
NEAR_YEAR = 2

#: Names that machines and habits give to any file.
_NAMES_OF_ANYTHING = re.compile(
    r"(?:movie|film|video|videos|feature|main feature|main movie|main|untitled|unknown|title|titel"
    r"|clip|sample|trailer|intro|disc|disk|dvd|cd|part|pt|teil|episode|ep|folge|chapter|track|vts"
    r"|title t|tba|tbd)?"
    r"[\s._#-]*t?(?:[0-9]{1,3}|[ivx]{1,4})?(?:[\s._-]+[0-9]{1,3})*"
)
_NUMBER_IN_CJK = re.compile(r"[第]?\s*[0-9〇零一二三四五六七八九十百]+\s*[話话集回章화회부편]?")


class Undecided(Exception):
    """The evidence does not decide; `words` say why."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate(Generic[Known]):
    """A known film or show, and the evidence for and against its being the same."""

    known: Known
    #: The number of ids that both have, and of catalogues in which their ids differ.
    agreeing: int = 0
    contradicting: int = 0
    has_same_name: bool = False
    #: None where a year is unknown.
    years_apart: int | None = None

    @property
    def is_sure(self) -> bool:
        """Return whether its ids decide: all of them agree, and not both name and year differ."""
        differs = not self.has_same_name and bool(self.years_apart)
        return bool(self.agreeing) and not self.contradicting and not differs

    @property
    def is_confirmed(self) -> bool:
        """Return whether name and year agree; without an id that agrees, the year must be known."""
        if not self.has_same_name:
            return False
        if self.agreeing:
            return self.years_apart is None or self.years_apart <= SAME_YEAR
        return self.years_apart == 0

    @property
    def is_believable(self) -> bool:
        """Return whether its ids alone may be believed, although its name is another."""
        return not self.contradicting and (self.years_apart or 0) <= NEAR_YEAR

    def is_named(self, kind: Kind) -> bool:
        """Return whether name and year are enough without an id. A show's year is often missing."""
        if not self.has_same_name or self.contradicting:
            return False
        return self.years_apart == 0 or (kind == "show" and self.years_apart is None)


def choose(candidates: Sequence[Candidate[Known]], kind: Kind) -> Known | None:
    """Return the candidate that is the same; None: it is new. Raise `Undecided`."""
    by_ids = [candidate for candidate in candidates if candidate.agreeing]
    if not by_ids:
        return _choose_by_name(candidates, kind)
    if len(by_ids) == 1 and by_ids[0].is_sure:
        return by_ids[0].known
    best = _best_confirmed(candidates)
    if best is not None:
        return best.known
    if len(by_ids) == 1 and by_ids[0].is_believable:
        return by_ids[0].known
    raise Undecided("Its ids, its title and its year speak of different titles.")


def _best_confirmed(candidates: Sequence[Candidate[Known]]) -> Candidate[Known] | None:
    """Return the candidate that name and year confirm, and most ids; None where several are."""
    confirmed = [candidate for candidate in candidates if candidate.is_confirmed]
    most_ids = max((candidate.agreeing for candidate in confirmed), default=0)
    best = [candidate for candidate in confirmed if candidate.agreeing == most_ids]
    return best[0] if len(best) == 1 else None


def _choose_by_name(candidates: Sequence[Candidate[Known]], kind: Kind) -> Known | None:
    named = [candidate for candidate in candidates if candidate.is_named(kind)]
    if len(named) > 1:
        raise Undecided(
            f"There are {len(named)} titles like it, and it has no id that tells which it is."
        )
    return named[0].known if named else None


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeEvidence:
    """The evidence for the episode that an id leads to, apart from the id."""

    #: None: the shows have different names, and no id of the show decides.
    is_same_show: bool | None
    has_same_number: bool = False
    #: The title of an episode, not one that any episode might have.
    has_same_title: bool = False
    #: Other evidence points to the episode of the listed number: the item was known as that one,
    #: that one has its title, or the source lists another file as the episode of the id.
    is_claimed_by_number: bool = False


def is_believed(evidence: EpisodeEvidence) -> bool:
    """Return whether to believe the id; otherwise show, season and number decide."""
    if evidence.is_same_show is False:
        return evidence.has_same_number and evidence.has_same_title
    if evidence.has_same_number or evidence.has_same_title:
        return True
    return bool(evidence.is_same_show) and not evidence.is_claimed_by_number


def says_nothing(title: str) -> bool:
    """Return whether any file might have this title: `movie`, `Episode 3`, `01`, `第1話`.

    A year such as 1917 is a title.
    """
    plain = unicodedata.normalize("NFKC", title).casefold().strip(" .,-_[](){}#")
    if _NAMES_OF_ANYTHING.fullmatch(plain) or _NUMBER_IN_CJK.fullmatch(plain):
        return not re.fullmatch(r"[0-9]{4,}", plain)
    return not any(letter.isalnum() for letter in plain)


def is_same_name(one: str, other: str) -> bool:
    """Return whether two titles differ only in case, accents, leading article and punctuation."""
    letters = _letters(one)
    return bool(letters) and letters == _letters(other)


def _letters(title: str) -> str:
    plain = title_key(title)
    letters = "".join(letter for letter in plain if letter.isalnum())
    return letters or plain
