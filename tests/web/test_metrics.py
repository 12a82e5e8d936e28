"""/metrics: what a scrape reads."""

import pytest

from mydia_web.accounts.users import add_token
from mydia_web.db import db
from mydia_web.playback import mark_watched
from mydia_web.sync.outbound.worker import Worker
from tests.cast import add_copy, add_server
from tests.fakes.kodi import FakeKodi


@pytest.fixture
def scrape(client, alice):
    """The lines of a scrape that hold a figure."""
    token = add_token(alice, "Prometheus")
    db.session.commit()

    def read() -> list[str]:
        answer = client.get("/metrics", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200
        return [line for line in answer.text.splitlines() if not line.startswith("#")]

    return read


def test_a_stranger_reads_nothing(client, alice):
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_what_is_owed_and_what_was_delivered(scrape, alice, film):
    with FakeKodi() as kodi:
        movie = kodi.add_movie("Sintel", year=2010, imdb="tt1727587", minutes=15)
        add_copy(add_server("Metered", alice, url=kodi.url), film, f"movie:{movie.id}", movie.file)
        mark_watched(alice.id, film)
        db.session.commit()
        assert 'mydia_queue_rows{source="Metered",state="waiting"} 1.0' in scrape()
        db.session.commit()
        with Worker() as worker:
            worker.drain()
        lines = scrape()
    assert 'mydia_queue_rows{source="Metered",state="synced"} 1.0' in lines
    assert 'mydia_pushes_total{outcome="ok",source="Metered"} 1.0' in lines
    assert 'mydia_push_seconds_count{source="Metered"} 1.0' in lines
