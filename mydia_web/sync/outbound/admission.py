"""Which of the claimed deliveries may go out now: what is held goes back to the queue as if it had
not been tried.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from mydia_web.clock import now
from mydia_web.queue import sign_ins
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.queue.sign_ins import CONFIRM_AFTER, Answer
from mydia_web.sources.playing import items_playing
from mydia_web.sync.outbound.delivery import Delivery, Failure

#: A push to an item that plays waits for so long, and again.
HELD_BACK = timedelta(seconds=30)

_REFUSED = Failure(
    "auth",
    "The server refused the sign-in. Enter the password again on its page.",
    may_have_arrived=False,
    was_asked=False,
)
_IN_DOUBT = "The server refused the sign-in. It is asked once more before that is believed."


def admit(source_id: int, deliveries: Sequence[Delivery]) -> list[Delivery]:
    """Return those that go out now."""
    if not deliveries:
        return []
    return _with_sign_in(_not_played(source_id, deliveries))


def _not_played(source_id: int, deliveries: Sequence[Delivery]) -> list[Delivery]:
    """Give back what goes to an item that its person is playing there: the player would undo it."""
    playing = items_playing(source_id)
    held = [
        one
        for one in deliveries
        if any((one.account_id, item_id) in playing for item_id, _ in one.targets)
    ]
    for one in held:
        PlaybackSyncRepository().release(one.row_id, one.claim_token, due_at=now() + HELD_BACK)
    return [one for one in deliveries if one not in held]


def _with_sign_in(deliveries: Sequence[Delivery]) -> list[Delivery]:
    """Where a sign-in is in question one delivery asks for all; where it is refused, none does."""
    answers = sign_ins.answers_for(
        {one.account_id for one in deliveries if one.account_id is not None}
    )
    admitted = []
    for one in deliveries:
        answer = answers.get(one.account_id or 0)
        if answer is Answer.WAIT:
            _hold_in_doubt(one)
        elif answer is Answer.REFUSED:
            admitted.append(replace(one, problem=one.problem or _REFUSED))
        else:
            admitted.append(one)
        if answer is Answer.PROBE and one.problem is None:
            answers[one.account_id or 0] = Answer.WAIT
    return admitted


def _hold_in_doubt(delivery: Delivery) -> None:
    PlaybackSyncRepository().release(
        delivery.row_id,
        delivery.claim_token,
        error=_IN_DOUBT,
        error_class="transient",
        due_at=now() + CONFIRM_AFTER,
    )
