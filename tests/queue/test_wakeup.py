"""A waiting worker wakes when somebody queues something, and not otherwise."""

import time
from threading import Event, Timer

import pytest

from mydia_web.db import db
from mydia_web.queue.wakeup import WakeUp


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
