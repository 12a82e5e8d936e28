"""What a pull or an event has brought, counted for people."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(slots=True)
class Report:
    """What a pull has brought so far."""

    done: int = 0
    total: int | None = None
    watched: int = 0
    unwatched: int = 0
    positions: int = 0
    #: Our states that the source will be told.
    owed: int = 0
    #: Of those, what it had been told before, and shows otherwise though nobody changed it.
    healed: int = 0
    unmatched: int = 0
    #: Those, by their remote ids: several accounts may list the same.
    unmatched_ids: set[str] = field(default_factory=set)
    #: Where both sides had changed.
    conflicts: int = 0
    #: Items that the source shows as unwatched all at once; nothing was done about them.
    held_back: int = 0
    #: Copies that the source lists no more, and those that it lists no more all at once, which were
    #: kept.
    gone: int = 0
    missing: int = 0
    problems: list[str] = field(default_factory=list)
    #: A person said that what is unwatched or gone all at once is meant so.
    takes_removals: bool = False
    #: A person said that it is not, and that the source shall be told so.
    keeps_ours: bool = False
    #: When the first page of all was asked for.
    began_at: datetime | None = None

    @property
    def message(self) -> str:
        """In words, such as "120 titles: 3 watched, 1 position"."""
        return f"{self.done} title{'s' * (self.done != 1)}: {self.news}"

    @property
    def news(self) -> str:
        told_first = self.owed - self.healed
        parts = [
            f"{self.watched} watched" if self.watched else "",
            f"{self.unwatched} unwatched" if self.unwatched else "",
            f"{self.positions} position{'s' * (self.positions != 1)}" if self.positions else "",
            f"{told_first} to be told" if told_first else "",
            f"{self.healed} told again" if self.healed else "",
            f"{self.conflicts} changed on both sides" if self.conflicts else "",
            f"{self.unmatched} not recognised" if self.unmatched else "",
            f"{len(self.problems)} could not be read" if self.problems else "",
            f"{self.gone} no longer there" if self.gone else "",
            f"{self.missing} missing all at once, kept" if self.missing else "",
            f"{self.held_back} shown as unwatched all at once, left alone"
            if self.held_back
            else "",
        ]
        return ", ".join(part for part in parts if part) or "nothing new"
