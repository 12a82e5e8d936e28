"""What a pull or an event has brought: the counts, and what an interrupted pull remembers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Self

from mydia_web.backends.values import LibraryPage
from mydia_web.clock import now

#: Counts that a page brings for good. Every try finds out the others anew.
_LASTING = ("watched", "unwatched", "positions", "owed", "healed", "conflicts")
#: A page that shows the same after longer than this may have changed and changed back.
FRESH = timedelta(minutes=10)


@dataclass(slots=True, kw_only=True)
class Report:
    """What a pull has brought so far, and what a person has decided about removals."""

    done: int = 0
    total: int | None = None
    watched: int = 0
    unwatched: int = 0
    positions: int = 0
    #: Our states that the source will be told.
    owed: int = 0
    #: How many of those it was told before, and shows otherwise though nobody changed them.
    healed: int = 0
    unmatched: int = 0
    #: The remote ids of the unmatched: several accounts may list the same.
    unmatched_ids: set[str] = field(default_factory=set)
    #: Titles that had changed on both sides.
    conflicts: int = 0
    #: Items shown as unwatched all at once, about which nothing was done.
    held_back: int = 0
    #: Copies that the source does not list any more.
    gone: int = 0
    #: Copies that went missing all at once, and were kept.
    missing: int = 0
    problems: list[str] = field(default_factory=list)
    #: A person has confirmed the removals.
    takes_removals: bool = False
    #: A person has said that nothing was removed: the source is told so.
    keeps_ours: bool = False
    #: When the first page of all was asked for.
    began_at: datetime | None = None

    @property
    def message(self) -> str:
        """Return the report in words, such as "120 titles: 3 watched, 1 position"."""
        return f"{_count(self.done, 'title')}: {self.news}"

    @property
    def news(self) -> str:
        parts = (
            (self.watched, f"{self.watched} watched"),
            (self.unwatched, f"{self.unwatched} unwatched"),
            (self.positions, _count(self.positions, "position")),
            (self.owed - self.healed, f"{self.owed - self.healed} to be told"),
            (self.healed, f"{self.healed} told again"),
            (self.conflicts, f"{self.conflicts} changed on both sides"),
            (self.unmatched, f"{self.unmatched} not recognised"),
            (len(self.problems), f"{len(self.problems)} could not be read"),
            (self.gone, f"{self.gone} no longer there"),
            (self.missing, f"{self.missing} missing all at once, kept"),
            (self.held_back, f"{self.held_back} shown as unwatched all at once, left alone"),
        )
        return ", ".join(words for number, words in parts if number) or "nothing new"

    @property
    def lasting(self) -> dict[str, int]:
        """Return the counts that stay when the pull is interrupted."""
        return {name: getattr(self, name) for name in _LASTING}

    @property
    def brought(self) -> int:
        """Return how much was brought for good."""
        return sum(self.lasting.values())


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


@dataclass(slots=True)
class Progress:
    """What the tries of one pull have taken in, so that each continues where the last one stopped.

    Every try asks the server for every page, since only that tells what is there. A page that shows
    exactly what an earlier try has just taken in is not merged again. What a page brought is stored
    in the transaction that took it in.
    """

    #: When a page was taken in, by its fingerprint, in seconds since the epoch; None: every try has
    #: to take it in.
    pages: dict[str, float | None] = field(default_factory=dict)
    #: Shows with new episodes; their next episodes are found at the end.
    shows: set[int] = field(default_factory=set)

    @classmethod
    def load(cls, stored: Mapping[str, Any], report: Report) -> Self:
        """Read what earlier tries have stored, and set the counts of `report` to theirs."""
        for name, number in stored.get("brought", {}).items():
            setattr(report, name, number)
        return cls(pages=dict(stored.get("pages", {})), shows=set(stored.get("shows", ())))

    def dump(self, report: Report) -> dict[str, Any]:
        """Return progress and counts as JSON."""
        return {"pages": self.pages, "shows": sorted(self.shows), "brought": report.lasting}

    def has_taken(self, fingerprint: str) -> bool:
        """Return whether a page that shows the same need not be taken in again."""
        taken_at = self.pages.get(fingerprint)
        if taken_at is None:
            return False
        age = now().timestamp() - taken_at
        return 0 <= age < FRESH.total_seconds()

    def note(self, fingerprint: str, *, is_done: bool) -> None:
        """Note that a page was taken in; `is_done`: nothing of it waits for the end of the pull."""
        self.pages[fingerprint] = now().timestamp() if is_done else None


def fingerprint_of(account_id: int | None, listing: str, page: LibraryPage) -> str:
    """Return a hash that is equal for pages of a listing that show an account the same."""
    shown = repr((account_id, listing, tuple(page.items)))
    return blake2b(shown.encode("utf-8", "surrogatepass"), digest_size=9).hexdigest()
