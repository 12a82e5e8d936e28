"""How far a server's clock is from ours: measured on the way, written down when it changes."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import event, update

from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.playback import mark_watched
from mydia_web.sources.clocks import clock_words
from mydia_web.sources.models import Source, SourceAccount
from mydia_web.sync.inbound.report import Report
from mydia_web.sync.outbound.metrics import Summary
from tests.cast import add_copy
from tests.fakes.kodi import FakeKodi


@pytest.fixture
def set_kodis_clock(kodi: FakeKodi) -> Callable[[timedelta], None]:
    def ahead_by(skew: timedelta) -> None:
        kodi.now = lambda: now() + skew

    return ahead_by


def known(source_id: int) -> int:
    """In seconds."""
    db.session.expire_all()
    skew_ms = db.session.get_one(Source, source_id).clock_skew_ms
    assert skew_ms is not None
    return skew_ms // 1000


def writes_to_sources(act: Callable[[], object]) -> int:
    seen: list[str] = []

    def note(_connection, _cursor, statement, *_other):
        if statement.startswith("UPDATE sources SET clock_skew_ms="):
            seen.append(statement)

    event.listen(db.engine, "after_cursor_execute", note)
    act()
    event.remove(db.engine, "after_cursor_execute", note)
    return len(seen)


def test_a_pull_measures_the_clock(server, set_kodis_clock, pull: Callable[[], Report]) -> None:
    assert server.clock_skew_ms is None
    set_kodis_clock(timedelta(minutes=-4))
    pull()
    assert abs(known(server.id) + 240) < 20


def test_deliveries_measure_the_clock(
    server, kodi, film, alice, set_kodis_clock, drain: Callable[[], Summary]
) -> None:
    add_copy(server, film, f"movie:{kodi.add_movie('Sintel').id}")
    set_kodis_clock(timedelta(minutes=3))
    mark_watched(alice.id, film)
    assert drain().tallies[server.name].synced == 1
    assert abs(known(server.id) - 180) < 20


def test_it_is_written_down_only_when_it_has_changed(
    server, kodi, film, alice, set_kodis_clock, pull, drain
) -> None:
    add_copy(server, film, f"movie:{kodi.add_movie('Sintel').id}")
    db.session.commit()
    assert writes_to_sources(drain) == 0
    assert writes_to_sources(pull) == 1
    assert writes_to_sources(pull) == 0
    mark_watched(alice.id, film)
    assert writes_to_sources(drain) == 0
    set_kodis_clock(timedelta(hours=5))
    assert writes_to_sources(pull) == 1


def test_news_are_asked_for_by_the_clock_of_a_server_that_is_behind(
    server, kodi, set_kodis_clock, pull
) -> None:
    """Else what it dates before our last look would be found by the daily sweep only."""
    video = kodi.add_movie("Sintel", imdb="tt1727587")
    set_kodis_clock(timedelta(hours=-8))
    pull()
    db.session.execute(update(SourceAccount).values(pulled_at=now(), swept_at=now()))
    kodi.play(video)
    kodi.stop(video.minutes * 60)
    assert pull().watched == 1


@pytest.mark.parametrize(
    ("skew", "words"),
    [
        (None, ""),
        (timedelta(seconds=29), ""),
        (timedelta(seconds=-29), ""),
        (timedelta(seconds=30), "Its clock is 30 s ahead of ours."),
        (timedelta(seconds=-179), "Its clock is 3 min behind ours."),
        (timedelta(hours=2), "Its clock is 2 h ahead of ours."),
        (timedelta(days=-20000), "Its clock is 20,000 days behind ours."),
    ],
)
def test_it_is_told_in_words_from_half_a_minute_on(skew: timedelta | None, words: str) -> None:
    assert clock_words(None if skew is None else skew // timedelta(milliseconds=1)) == words
