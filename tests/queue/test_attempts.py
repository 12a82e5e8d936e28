"""The kept attempts of a row."""

from sqlalchemy import delete

from mydia_web.db import db
from mydia_web.queue.attempts import KEPT, MAX_MESSAGE, Attempt, list_attempts, note_attempts
from mydia_web.queue.models import QueuedChange


def note(*row_ids: int, outcome: str = "transient", message: str = "Nothing answers.") -> None:
    attempts = [
        Attempt(row_id=row_id, outcome=outcome, message=message, seconds=0.25) for row_id in row_ids
    ]
    note_attempts(attempts)


def test_the_newest_comes_first(enqueue):
    row_id = enqueue()
    note(row_id)
    note(row_id, outcome="ok", message="")
    newest, oldest = list_attempts([row_id])[row_id]
    assert (newest.outcome, newest.message) == ("ok", "")
    assert (oldest.outcome, oldest.message, oldest.milliseconds) == (
        "transient",
        "Nothing answers.",
        250,
    )


def test_only_so_many_are_kept_of_each_row(enqueue, pilot):
    film, episode = enqueue(), enqueue(episode=pilot)
    for number in range(KEPT + 5):
        note(film, episode, message=str(number))
    for found in list_attempts([film, episode]).values():
        assert [one.message for one in found] == [str(number) for number in range(KEPT + 4, 4, -1)]


def test_a_long_message_is_cut(enqueue):
    row_id = enqueue()
    note(row_id, message="x" * 10_000_000)
    [attempt] = list_attempts([row_id])[row_id]
    assert len(attempt.message) == MAX_MESSAGE


def test_a_row_that_is_gone_keeps_none(enqueue):
    row_id = enqueue()
    db.session.execute(delete(QueuedChange))
    note(row_id)
    assert list_attempts([row_id]) == {}
