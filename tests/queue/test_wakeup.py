"""A waiting worker wakes when somebody queues something, and not otherwise."""

import time
from threading import Event, Thread, Timer

import pytest

from mydia_web.db import db
from mydia_web.queue.wakeup import INBOX, QUEUE, WakeUp, notify


@pytest.fixture
def stop() -> Event:
    return Event()


def waited(wake_up: WakeUp, stop: Event, seconds: float) -> float:
    began = time.monotonic()
    wake_up.wait(stop, seconds)
    return time.monotonic() - began


def test_a_change_that_is_committed_wakes(enqueue, stop):
    db.session.commit()
    with WakeUp() as wake_up:
        enqueue()
        db.session.commit()
        assert waited(wake_up, stop, 30) < 10


def test_a_change_that_is_rolled_back_does_not_wake(enqueue, stop):
    db.session.commit()
    with WakeUp() as wake_up:
        enqueue()
        db.session.rollback()
        assert waited(wake_up, stop, 0.6) >= 0.6


def test_being_told_to_stop_ends_the_wait(session, stop):
    with WakeUp() as wake_up:
        Timer(0.1, stop.set).start()
        assert waited(wake_up, stop, 30) < 10


@pytest.mark.parametrize("channel", [QUEUE, INBOX])
def test_a_thread_that_waits_for_it_is_told_at_once(session, app, stop, channel):
    """On SQLite nobody writes for this: what wakes it is the word of the other thread."""
    db.session.commit()
    told, woken = Event(), Event()

    def wait() -> None:
        with app.app_context(), WakeUp(channel) as wake_up:
            told.set()
            wake_up.wait(stop, 30)
            woken.set()

    thread = Thread(target=wait)
    thread.start()
    assert told.wait(10)
    notify(channel)
    db.session.commit()
    thread.join(10)
    assert woken.is_set()


def test_what_is_told_while_nobody_waits_is_not_lost(session, stop):
    with WakeUp() as wake_up:
        notify()
        db.session.commit()
        assert waited(wake_up, stop, 30) < 10


def test_only_who_waits_for_it_is_woken(session, stop):
    with WakeUp(INBOX) as wake_up:
        notify(QUEUE)
        db.session.commit()
        assert waited(wake_up, stop, 0.6) >= 0.6
