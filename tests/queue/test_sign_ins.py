"""What a success or a refusal means for an account and for what is owed to it, whichever way it was
asked.
"""

from datetime import datetime, timedelta
from itertools import permutations

import pytest
from sqlalchemy import event, select

from mydia_web.db import db
from mydia_web.playback import mark_watched
from mydia_web.queue import sign_ins
from mydia_web.queue.models import QueuedChange
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.queue.sign_ins import CONFIRM_AFTER, NOTE_EVERY, PROBE_LEASE, Answer
from mydia_web.sources.accounts import accounts_of
from tests.cast import add_copy, add_server

MOMENT = timedelta(milliseconds=1)


@pytest.fixture
def source(alice):
    return add_server("Kodi", alice)


@pytest.fixture
def account(source, set_clock):
    [account] = accounts_of(source.id)
    db.session.commit()
    return account


@pytest.fixture
def row(alice, film, source, account):
    add_copy(source, film)
    mark_watched(alice.id, film)
    db.session.commit()
    return db.session.scalars(select(QueuedChange)).one()


def fails(row, error_class: str, again_at: datetime | None) -> None:
    row.status, row.error_class, row.next_attempt_at = "failed", error_class, again_at
    db.session.commit()


def is_refused(account) -> bool:
    db.session.flush()
    db.session.refresh(account)
    return account.refused_at is not None


def refuse_twice(account, set_clock) -> None:
    sign_ins.note_refused(account.id, set_clock.now())
    sign_ins.note_refused(account.id, set_clock.pass_(seconds=CONFIRM_AFTER.total_seconds()))
    assert is_refused(account)


def test_one_refusal_is_not_believed_and_is_asked_about_again(account, set_clock):
    refusal = sign_ins.note_refused(account.id, set_clock.now())
    assert (refusal.is_believed, refusal.ask_at) == (False, set_clock.now() + CONFIRM_AFTER)
    assert not is_refused(account)


@pytest.mark.parametrize(
    ("after", "is_believed"),
    [(MOMENT, False), (CONFIRM_AFTER - MOMENT, False), (CONFIRM_AFTER, True)],
)
def test_a_second_refusal_is_believed_some_seconds_after_the_first(
    account, set_clock, after, is_believed
):
    sign_ins.note_refused(account.id, set_clock.now())
    refusal = sign_ins.note_refused(account.id, set_clock.pass_(seconds=after.total_seconds()))
    assert refusal.is_believed is is_refused(account) is is_believed


def test_many_refusals_of_one_moment_are_one(account, set_clock):
    began = set_clock.now()
    set_clock.pass_(seconds=30)
    for number in range(10):
        assert not sign_ins.note_refused(account.id, began + number * MOMENT).is_believed


@pytest.mark.parametrize("order", permutations(["refused", "taken", "refused later"]))
def test_the_order_in_which_answers_are_settled_makes_no_difference(account, set_clock, order):
    """A success between two refusals leaves the later one in doubt, whichever is written down
    first.
    """
    began = set_clock.now()
    set_clock.pass_(seconds=60)
    for what in order:
        if what == "refused":
            sign_ins.note_refused(account.id, began)
        elif what == "taken":
            sign_ins.note_many_accepted({account.id: began + CONFIRM_AFTER / 2})
        else:
            sign_ins.note_refused(account.id, began + CONFIRM_AFTER)
    assert not is_refused(account)
    assert account.doubted_at == began + CONFIRM_AFTER


def test_a_refusal_from_before_the_last_success_is_not_believed(account, set_clock):
    began = set_clock.now()
    sign_ins.note_many_accepted({account.id: set_clock.pass_(seconds=1)})
    for _ in range(5):
        refusal = sign_ins.note_refused(account.id, began)
        set_clock.pass_(seconds=CONFIRM_AFTER.total_seconds())
        assert (refusal.is_believed, is_refused(account)) == (False, False)
    db.session.refresh(account)
    assert account.doubted_at is None


def test_a_success_from_before_a_refusal_does_not_end_it(account, set_clock):
    before = set_clock.now()
    set_clock.pass_(seconds=1)
    refuse_twice(account, set_clock)
    sign_ins.note_many_accepted({account.id: before})
    assert is_refused(account)


@pytest.mark.parametrize(
    ("error_class", "again_after"),
    [("auth", None), ("transient", timedelta(hours=5)), ("transient", MOMENT)],
)
def test_a_success_makes_due_what_waited_for_it(account, row, set_clock, error_class, again_after):
    refuse_twice(account, set_clock)
    fails(row, error_class, again_after and set_clock.now() + again_after)
    sign_ins.note_accepted(account.id)
    db.session.refresh(row)
    assert (row.status, row.next_attempt_at) == ("pending", set_clock.now())
    assert not is_refused(account)


def test_a_success_moves_nothing_where_nothing_was_in_question(account, row, set_clock):
    """Else a title with troubles of its own would be tried with every push of another."""
    later = set_clock.now() + timedelta(hours=5)
    fails(row, "transient", later)
    sign_ins.note_accepted(account.id)
    db.session.refresh(row)
    assert row.next_attempt_at == later


def test_a_new_sign_in_makes_due_what_waited_whether_the_server_was_there_or_not(
    account, row, set_clock
):
    for was_accepted in (True, False):
        refuse_twice(account, set_clock)
        fails(row, "auth", None)
        sign_ins.note_linked(account, was_accepted=was_accepted)
        db.session.refresh(row)
        assert (row.status, row.next_attempt_at) == ("pending", set_clock.now())
        assert not is_refused(account)
        set_clock.pass_(minutes=1)


def test_nobody_asks_for_a_refused_account_until_a_person_wants_it(account, set_clock):
    refuse_twice(account, set_clock)
    set_clock.pass_(hours=24)
    assert sign_ins.answers_for([account.id]) == {account.id: Answer.REFUSED}
    sign_ins.ask_again([account.source_id])
    assert sign_ins.answers_for([account.id]) == {account.id: Answer.PROBE}


def test_one_asks_and_the_others_wait_for_its_answer(account, set_clock):
    sign_ins.note_refused(account.id, set_clock.now())
    assert sign_ins.answers_for([account.id]) == {account.id: Answer.WAIT}
    set_clock.pass_(seconds=CONFIRM_AFTER.total_seconds())
    asked = [sign_ins.answers_for([account.id])[account.id] for _ in range(3)]
    assert asked == [Answer.PROBE, Answer.WAIT, Answer.WAIT]
    sign_ins.note_accepted(account.id)
    assert sign_ins.answers_for([account.id]) == {}


def test_another_asks_where_the_first_one_is_never_heard_of_again(account, set_clock):
    sign_ins.note_refused(account.id, set_clock.now())
    set_clock.pass_(seconds=CONFIRM_AFTER.total_seconds())
    assert sign_ins.answers_for([account.id]) == {account.id: Answer.PROBE}
    set_clock.pass_(seconds=PROBE_LEASE.total_seconds())
    assert sign_ins.answers_for([account.id]) == {account.id: Answer.PROBE}


def test_a_person_asks_for_their_own_account_only(account, bob, source, row, set_clock):
    refuse_twice(account, set_clock)
    fails(row, "auth", None)
    sign_ins.ask_again([source.id], bob.id)
    assert sign_ins.answers_for([account.id]) == {account.id: Answer.REFUSED}
    sign_ins.ask_again([source.id], account.user_id)
    assert sign_ins.answers_for([account.id]) == {account.id: Answer.PROBE}
    assert [one.id for one in PlaybackSyncRepository().get_pending()] == [row.id], (
        "one is there to ask with"
    )


def test_clocks_that_are_set_back_block_nothing(account, set_clock):
    sign_ins.note_accepted(account.id)
    refuse_twice(account, set_clock)
    sign_ins.ask_again([account.source_id])
    set_clock.pass_(hours=-1)
    assert sign_ins.answers_for([account.id]) == {account.id: Answer.PROBE}
    sign_ins.note_accepted(account.id)
    assert not is_refused(account)
    refuse_twice(account, set_clock)


def test_a_success_costs_one_question_while_nothing_is_new(account, set_clock):
    account_id, statements = account.id, list[str]()
    sign_ins.note_accepted(account_id)
    db.session.commit()
    set_clock.pass_(seconds=NOTE_EVERY.total_seconds() / 2)
    event.listen(db.engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    sign_ins.note_accepted(account_id)
    assert [one.split()[0] for one in statements if one != "BEGIN"] == ["SELECT"]
