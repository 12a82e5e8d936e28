"""Logging: the ids of an event lead from a click to the server that took it."""

import json
import logging

from mydia_web.db import db
from mydia_web.logs import JsonLines, TextLines
from mydia_web.playback.acts import Act
from mydia_web.sync.outbound.worker import Worker
from tests.cast import add_copy, add_server
from tests.fakes.kodi import FakeKodi


def test_one_change_is_followed_by_its_change_set(caplog, alice, film):
    caplog.set_level(logging.INFO, logger="mydia_web")
    with FakeKodi() as kodi:
        movie = kodi.add_movie("Sintel", year=2010, imdb="tt1727587", minutes=15)
        add_copy(add_server("Attic", alice, url=kodi.url), film, f"movie:{movie.id}", movie.file)
        with Act(alice.id, "web") as act:
            act.mark_watched(film)
        db.session.commit()
        with Worker() as worker:
            worker.drain()
    events = [
        (event.message, event.change_set)
        for event in caplog.records
        if hasattr(event, "change_set")
    ]
    assert events == [("queued", act.change_set_id), ("delivered", act.change_set_id)]


def record(**extra: object) -> logging.LogRecord:
    event = logging.makeLogRecord(
        {"msg": "delivered", "levelname": "INFO", "name": "mydia_web.sync", **extra}
    )
    event.created = 0.0
    return event


def test_an_event_is_one_line_of_json():
    line = JsonLines().format(record(change_set=7, row=12, source="Attic"))
    assert json.loads(line) == {
        "at": "1970-01-01T00:00:00+00:00",
        "level": "info",
        "logger": "mydia_web.sync",
        "message": "delivered",
        "change_set": 7,
        "row": 12,
        "source": "Attic",
    }


def test_an_event_is_one_line_of_text():
    assert (
        TextLines()
        .format(record(change_set=7))
        .endswith("INFO mydia_web.sync: delivered change_set=7")
    )
