"""The worker: what each kind of failure means for the row, the account and the source."""

from datetime import timedelta
from threading import Timer

import pytest
from sqlalchemy import select, update

from mydia_web.clock import now
from mydia_web.db import begin_write, db
from mydia_web.playback import mark_unwatched, mark_watched, save_progress
from mydia_web.queue.models import QueuedChange
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.queue.sign_ins import CONFIRM_AFTER
from mydia_web.sources.accounts import accounts_of
from tests.cast import add_copy, add_film, add_server
from tests.fakes.kodi import FakeKodi


@pytest.fixture
def movie(kodi, server, film):
    """Sintel on alice's Kodi, known to us."""
    movie = kodi.add_movie("Sintel", year=2010, imdb="tt1727587", minutes=15)
    add_copy(server, film, f"movie:{movie.id}", movie.file)
    return movie


def the_row() -> QueuedChange:
    return db.session.scalars(select(QueuedChange).execution_options(populate_existing=True)).one()


def make_due(row: QueuedChange) -> None:
    row.next_attempt_at = now()
    db.session.commit()


def test_watched_unwatched_watched_sends_the_last_state_once(kodi, movie, drain, alice, film):
    mark_watched(alice.id, film)
    mark_unwatched(alice.id, film)
    mark_watched(alice.id, film)
    drain()
    assert len(kodi.writes()) == 1
    assert movie.playcount == 1


def test_a_thousand_positions_are_one_push(kodi, movie, drain, alice, film):
    for second in range(60, 260):
        save_progress(alice.id, film, position_seconds=second, duration_seconds=900)
    drain()
    assert len(kodi.writes()) == 1
    assert movie.position == 259


def test_a_position_after_a_mark_arrives_with_the_mark(kodi, movie, drain, alice, film):
    mark_watched(alice.id, film)
    save_progress(alice.id, film, position_seconds=200, duration_seconds=900)
    drain()
    assert (movie.playcount, movie.position) == (1, 200)


def test_a_server_in_trouble_is_tried_again_later(kodi, movie, drain, alice, film):
    kodi.fail_next(status=503)
    mark_watched(alice.id, film)
    summary = drain()
    row = the_row()
    assert (row.status, row.error_class, row.attempt_count) == ("failed", "transient", 1)
    assert now() + timedelta(seconds=5) < row.next_attempt_at < now() + timedelta(seconds=20)
    assert summary.tallies["Living room"].deferred == 1
    make_due(row)
    drain()
    assert movie.playcount == 1
    assert (the_row().status, the_row().error_message) == ("synced", None)


def test_retry_after_silences_the_source_and_costs_no_attempt(
    kodi, movie, drain, alice, film, server
):
    kodi.fail_next(status=429, headers={"Retry-After": "120"})
    mark_watched(alice.id, film)
    drain()
    assert (the_row().status, the_row().attempt_count) == ("pending", 0)
    assert server.pause_reason == "rate_limited"
    assert timedelta(seconds=100) < server.paused_until - now() <= timedelta(seconds=120)
    asked = len(kodi.requests)
    drain()
    drain(probe=True)
    assert len(kodi.requests) == asked


def test_a_refused_sign_in_waits_for_the_person_and_asks_no_more(
    kodi, movie, drain, alice, film, server, set_clock
):
    kodi.password = "changed"
    mark_watched(alice.id, film)
    drain()
    assert (the_row().status, the_row().error_class, the_row().attempt_count) == (
        "failed",
        "transient",
        0,
    )
    set_clock.pass_(seconds=CONFIRM_AFTER.total_seconds())
    drain()
    assert (the_row().status, the_row().error_class, the_row().next_attempt_at) == (
        "failed",
        "auth",
        None,
    )
    [account] = accounts_of(server.id)
    assert account.refused_at is not None
    asked = len(kodi.requests)
    mark_unwatched(alice.id, film)
    drain()
    assert len(kodi.requests) == asked
    assert the_row().error_class == "auth"


def test_a_title_that_is_gone_from_the_server_needs_a_person(kodi, movie, drain, alice, film):
    kodi.remove(movie)
    mark_watched(alice.id, film)
    summary = drain()
    assert (the_row().status, the_row().error_class, the_row().next_attempt_at) == (
        "failed",
        "unmatched",
        None,
    )
    assert summary.tallies["Living room"].needs_you == 1


def test_a_title_found_again_by_a_pull_gets_what_waited_for_it(
    kodi, movie, drain, pull, alice, film
):
    kodi.remove(movie)
    mark_watched(alice.id, film)
    drain()
    kodi.add_movie("Another", year=1999, imdb="tt0000001")
    found = kodi.add_movie(
        "Sintel", year=2010, imdb="tt1727587", minutes=15, file="/films/Sintel.4k.mkv"
    )
    pull()
    drain()
    assert found.playcount == 1


def test_every_copy_on_a_server_is_told(kodi, movie, drain, alice, film, server):
    second = kodi.add_movie("Sintel (4K)", year=2010, imdb="tt1727587", minutes=15)
    add_copy(server, film, f"movie:{second.id}", second.file)
    mark_watched(alice.id, film)
    drain()
    assert (movie.playcount, second.playcount) == (1, 1)


def test_a_server_taken_for_down_is_probed_by_one_row(kodi, drain, alice, server):
    for number in range(8):
        one = kodi.add_movie(f"Film {number}", year=2000, minutes=10)
        film = add_film(f"Film {number}", 2000, minutes=10)
        add_copy(server, film, f"movie:{one.id}", one.file)
        mark_watched(alice.id, film)
    kodi.fail_next(status=500, times=100)
    drain()
    assert (server.pause_reason, server.failure_count) == ("down", 5)
    attempted = len(kodi.requests)
    drain()
    assert len(kodi.requests) == attempted
    drain(probe=True)
    assert server.failure_count == 6


def test_a_server_that_answers_again_is_no_longer_down(kodi, movie, drain, alice, film, server):
    server.failure_count, server.pause_reason, server.paused_until = (
        7,
        "down",
        now() - timedelta(seconds=1),
    )
    mark_watched(alice.id, film)
    drain()
    assert (server.failure_count, server.pause_reason, server.paused_until) == (0, None, None)


def test_nothing_is_sent_to_a_source_that_a_person_paused(kodi, movie, drain, alice, film, server):
    server.pause_reason = "operator"
    mark_watched(alice.id, film)
    drain(probe=True)
    assert kodi.requests == []
    assert the_row().status == "pending"


def test_one_dead_server_does_not_hold_up_the_other(kodi, movie, drain, alice, film):
    dead = add_server("Attic", alice)
    add_copy(dead, film)
    mark_watched(alice.id, film)
    summary = drain()
    assert movie.playcount == 1
    assert (summary.tallies["Attic"].deferred, summary.tallies["Living room"].synced) == (1, 1)


def test_a_push_whose_claim_was_lost_is_sent_again(kodi, movie, drain, alice, film):
    """A worker that outlived its lease may have overtaken a newer push: what is wanted goes out
    once more.
    """
    mark_watched(alice.id, film)
    db.session.commit()
    engine = db.engine

    def take_over() -> None:
        with engine.begin() as connection:
            connection.execute(update(QueuedChange).values(claim_token="another worker"))

    kodi.delay = 0.3
    thief = Timer(0.15, take_over)
    thief.start()
    drain(limit=1)
    thief.join()
    assert the_row().status == "syncing"
    assert the_row().intent_seq > 1


def test_an_answer_that_is_no_json_is_trouble_in_words(kodi, movie, drain, alice, film):
    kodi.fail_next(status=200, body=b"<html>Sign in to the hotel's Wi-Fi</html>")
    mark_watched(alice.id, film)
    drain()
    assert the_row().error_class == "transient"
    assert "<html>" not in the_row().error_message


def test_the_limit_is_kept(kodi, drain, alice, server):
    for number in range(3):
        one = kodi.add_movie(f"Film {number}", year=2000, minutes=10)
        film = add_film(f"Film {number}", 2000, minutes=10)
        add_copy(server, film, f"movie:{one.id}", one.file)
        mark_watched(alice.id, film)
    drain(limit=2)
    assert sum(movie.playcount for movie in kodi.movies.values()) == 2


def test_a_row_of_a_dead_worker_goes_out_when_its_lease_has_ended(
    kodi, movie, drain, alice, film, server
):
    mark_watched(alice.id, film)
    db.session.commit()
    begin_write()
    PlaybackSyncRepository().mark_syncing(server.id, limit=1, lease=timedelta(seconds=-1))
    drain()
    assert movie.playcount == 1


def test_two_fakes_with_the_same_film_both_hear(kodi, movie, drain, alice, film):
    with FakeKodi(name="Bedroom") as bedroom:
        other = bedroom.add_movie("Sintel", year=2010, imdb="tt1727587", minutes=15)
        source = add_server("Bedroom", alice, url=bedroom.url)
        add_copy(source, film, f"movie:{other.id}", other.file)
        mark_watched(alice.id, film)
        drain()
        assert (movie.playcount, other.playcount) == (1, 1)
