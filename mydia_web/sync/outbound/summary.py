"""What a drain did, counted for each source."""

from dataclasses import dataclass, field

from mydia_web.sync.outbound.delivery import Outcome
from mydia_web.sync.outbound.retry import needs_a_person


@dataclass(slots=True)
class Tally:
    """What was done at one source."""

    synced: int = 0
    #: Will be tried again without anybody's doing, or once the sign-in is renewed.
    deferred: int = 0
    needs_you: int = 0
    #: The last failure, in words.
    last_error: str = ""

    def add(self, outcome: Outcome) -> None:
        if outcome.failure is None:
            self.synced += 1
            return
        if outcome.failure.failure_class == "overtaken":
            return
        self.last_error = outcome.failure.message
        if needs_a_person(outcome.failure.failure_class, outcome.delivery.attempt):
            self.needs_you += 1
        else:
            self.deferred += 1


@dataclass(slots=True)
class Summary:
    """What a drain did, by the name of each source."""

    tallies: dict[str, Tally] = field(default_factory=dict)

    def add(self, source_name: str, outcome: Outcome) -> None:
        self.tallies.setdefault(source_name, Tally()).add(outcome)
