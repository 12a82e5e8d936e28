"""Claim due rows for one drain, and admit those of them that may go out now.

What is not admitted goes back to the queue as if it had not been tried.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from mydia_web.clock import now
from mydia_web.queue import sign_ins
from mydia_web.queue.claims import ScanStart, find_scan_start
from mydia_web.queue.models import QueuedChange
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.queue.sign_ins import CONFIRM_AFTER, Answer
from mydia_web.sources.playing import items_playing
from mydia_web.sync.outbound.delivery import Delivery, Failure

#: Seconds between two looks for rows of dead workers, for the start of a source's due rows, and for
#: rows that became due before it.
_RESCUE_EVERY = 5.0
_FIND_EVERY = 1.0
_BEGIN_ANEW_EVERY = 30.0
#: A push to an item that is playing is put off for this long, again and again.
HELD_BACK = timedelta(seconds=30)

_REFUSED = Failure(
    failure_class="auth",
    message="The server refused the sign-in. Enter the password again on its page.",
    may_have_arrived=False,
    was_asked=False,
)
_IN_DOUBT = "The server refused the sign-in. It is asked once more before that is believed."


class Claims:
    """The claims of one drain, which do not walk past earlier claims (see `ScanStart`)."""

    def __init__(self) -> None:
        self._queue = PlaybackSyncRepository()
        self._began = time.monotonic()
        self._looked = self._began
        self._rescued: float | None = None
        self._starts: dict[int, ScanStart] = {}

    def rescue(self) -> None:
        """Make rows of dead workers due again, now and then."""
        at = time.monotonic()
        if self._rescued is None or at - self._rescued > _RESCUE_EVERY:
            self._queue.rescue()
            self._rescued = at

    def take(self, source_id: int, limit: int) -> Sequence[QueuedChange]:
        """Claim up to `limit` due rows of the source."""
        start = self._starts.get(source_id)
        rows = self._queue.mark_syncing(source_id, limit=limit, start=start)
        if start and len(rows) < limit:
            del self._starts[source_id]
            rows = [*rows, *self._queue.mark_syncing(source_id, limit=limit - len(rows))]
        return rows

    def find_starts(self, source_ids: Sequence[int]) -> None:
        """Look where the due rows of each source begin, now and then in a long drain."""
        at = time.monotonic()
        if at - self._looked < _FIND_EVERY:
            return
        if at - self._began > _BEGIN_ANEW_EVERY:
            self._starts.clear()
            self._began = at
        for source_id in source_ids:
            start = find_scan_start(source_id, self._starts.get(source_id))
            if start is not None:
                self._starts[source_id] = start
        self._looked = time.monotonic()


def admit(source_id: int, deliveries: Sequence[Delivery]) -> list[Delivery]:
    """Return the deliveries that go out now."""
    if not deliveries:
        return []
    return _with_sign_in(_not_playing(source_id, deliveries))


def _not_playing(source_id: int, deliveries: Sequence[Delivery]) -> list[Delivery]:
    """Hold back what goes to an item that its user is playing: the player would undo it."""
    playing = items_playing(source_id)
    admitted = []
    for delivery in deliveries:
        items = {(delivery.account_id, item_id) for item_id, _ in delivery.targets}
        if items.isdisjoint(playing):
            admitted.append(delivery)
        else:
            PlaybackSyncRepository().release(
                delivery.row_id, delivery.claim_token, due_at=now() + HELD_BACK
            )
    return admitted


def _with_sign_in(deliveries: Sequence[Delivery]) -> list[Delivery]:
    """Let one delivery ask where a sign-in is in question, and none where it is refused."""
    account_ids = {delivery.account_id or 0 for delivery in deliveries}
    answers = sign_ins.answers_for(account_ids - {0})
    admitted = []
    for delivery in deliveries:
        account_id = delivery.account_id or 0
        answer = answers.get(account_id)
        if answer is Answer.WAIT:
            _hold_in_doubt(delivery)
            continue
        if answer is Answer.PROBE and delivery.problem is None:
            answers[account_id] = Answer.WAIT
        if answer is Answer.REFUSED and delivery.problem is None:
            delivery = replace(delivery, problem=_REFUSED)
        admitted.append(delivery)
    return admitted


def _hold_in_doubt(delivery: Delivery) -> None:
    PlaybackSyncRepository().release(
        delivery.row_id,
        delivery.claim_token,
        error=_IN_DOUBT,
        error_class="transient",
        due_at=now() + CONFIRM_AFTER,
    )
