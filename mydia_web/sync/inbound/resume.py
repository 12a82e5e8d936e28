"""What a pull remembers of tries that were interrupted, so that each goes on where the last one
ended.

Every try asks the server for every page, for only that tells what is there. A page that shows
exactly what an earlier try has just taken in is not merged again. What a page brought is kept in
the transaction that took it in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import blake2b
from typing import Any, Self

from mydia_web.backends.values import LibraryPage
from mydia_web.clock import now
from mydia_web.sync.inbound.report import Report

#: What a page brought for good. The rest of a report is found out again by every try.
_COUNTED = ("watched", "unwatched", "positions", "owed", "healed", "conflicts")
#: A page that shows the same after longer may have changed and changed back.
FRESH = timedelta(minutes=10)


@dataclass(slots=True)
class Progress:
    """What earlier tries and this one have taken in."""

    #: By the fingerprint of a page: when it was taken in, in seconds; None: it is to be taken in by
    #: every try.
    pages: dict[str, float | None] = field(default_factory=dict)
    #: Shows that got new episodes: what to watch next in them is found out at the end.
    shows: set[int] = field(default_factory=set)

    @classmethod
    def load(cls, kept: Mapping[str, Any], report: Report) -> Self:
        """Read what a pull has kept; `report` counts on from there."""
        for name, number in kept.get("brought", {}).items():
            setattr(report, name, number)
        return cls(dict(kept.get("pages", {})), set(kept.get("shows", ())))

    def dump(self, report: Report) -> dict[str, Any]:
        """Return it as JSON."""
        brought = {name: getattr(report, name) for name in _COUNTED}
        return {"pages": self.pages, "shows": sorted(self.shows), "brought": brought}

    def has_taken(self, mark: str) -> bool:
        """Return whether a page that shows the same need not be taken in again."""
        at = self.pages.get(mark)
        age = now().timestamp() - at if at is not None else None
        return age is not None and 0 <= age < FRESH.total_seconds()

    def note(self, mark: str, *, is_done: bool) -> None:
        """Note that a page was taken in; one that is not done has left something for the end of the
        pull.
        """
        self.pages[mark] = now().timestamp() if is_done else None


def fingerprint(account_id: int | None, what: str, page: LibraryPage) -> str:
    """Return what is the same for pages that show one account the same, as parts of the same
    listing.
    """
    shown = repr((account_id, what, tuple(page.items)))
    return blake2b(shown.encode("utf-8", "surrogatepass"), digest_size=9).hexdigest()


def brought(report: Report) -> int:
    """Return how much was brought for good."""
    return sum(getattr(report, name) for name in _COUNTED)
