"""`flask sync-queue`: its options and exit codes."""

import json

import pytest
from sqlalchemy import select

from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.playback import mark_watched
from mydia_web.queue.models import QueuedChange
from mydia_web.sources.inbox import store_event
from mydia_web.sync.outbound.retry import needs_a_person, retry_at
from tests.cast import add_copy, add_film, add_server


def dump() -> list[tuple[object, ...]]:
    table = QueuedChange.__table__
    return [tuple(row) for row in db.session.execute(select(table).order_by(table.c.id))]


def test_nothing_to_do_is_all_done(run, server):
    result = run("sync-queue")
    assert (result.exit_code, result.output) == (0, "Nothing is due.\n")


def test_what_is_owed_is_delivered(run, server, kodi, alice, film):
    mark_watched(alice.id, film)
    result = run("sync-queue")
    assert result.exit_code == 0, result.output
    assert kodi.movies[1].playcount == 1
    assert "Living room" in result.output


def test_json_tells_each_source(run, server, kodi, alice, film):
    mark_watched(alice.id, film)
    result = run("sync-queue", "--json")
    assert json.loads(result.output) == {
        "source": "Living room",
        "synced": 1,
        "deferred": 0,
        "needs_you": 0,
        "remaining": 0,
        "last_error": None,
    }


def test_a_server_that_is_down_leaves_it_for_later_and_gets_it_when_asked_again(
    run, server, kodi, alice, film
):
    mark_watched(alice.id, film)
    kodi.down()
    result = run("sync-queue", "--json")
    assert result.exit_code == 4
    assert "Nothing answers at" in json.loads(result.output)["last_error"]
    kodi.up()
    assert run("sync-queue").exit_code == 0
    assert kodi.movies[1].playcount == 1


def test_a_title_that_is_gone_needs_a_person(run, server, kodi, alice, film):
    mark_watched(alice.id, film)
    kodi.remove(kodi.movies[1])
    assert run("sync-queue").exit_code == 3
    assert run("sync-queue").exit_code == 0, "what needs a person is not due"


def test_retry_failed_tries_again_what_needed_a_person(run, server, kodi, alice, film):
    mark_watched(alice.id, film)
    kodi.fail_next(error=-32602, method="VideoLibrary.SetMovieDetails")
    assert run("sync-queue").exit_code == 3
    assert run("sync-queue", "--retry-failed").exit_code == 0
    assert kodi.movies[1].playcount == 1


def test_a_refused_sign_in_is_left_for_later(run, server, kodi, alice, film):
    kodi.password = "changed"
    mark_watched(alice.id, film)
    assert run("sync-queue").exit_code == 4
    assert run("sync-queue").exit_code == 4, "it still waits for the sign-in"


def test_a_dry_run_prints_the_calls_and_changes_nothing(run, server, kodi, alice, film):
    mark_watched(alice.id, film)
    db.session.commit()
    before = dump()
    result = run("sync-queue", "--dry-run")
    assert result.exit_code == 0
    assert "VideoLibrary.SetMovieDetails" in result.output
    assert "secret" not in result.output
    assert dump() == before
    assert kodi.requests == []


def test_status_counts_what_is_owed(run, server, kodi, alice, film):
    mark_watched(alice.id, film)
    result = run("sync-queue", "--status", "--json")
    found = json.loads(result.output)
    assert (found["source"], found["waiting"], found["needs_you"]) == ("Living room", 1, 0)
    assert kodi.requests == []


def test_a_paused_source_gets_nothing_until_it_is_resumed(run, server, kodi, alice, film):
    mark_watched(alice.id, film)
    assert run("sync-queue", "--pause", "Living room").exit_code == 0
    assert run("sync-queue").exit_code == 4
    assert kodi.requests == []
    assert run("sync-queue", "--resume", "living room").exit_code == 0
    assert run("sync-queue").exit_code == 0
    assert kodi.movies[1].playcount == 1


def test_the_limit_leaves_the_rest_for_later(run, server, kodi, alice, film):
    mark_watched(alice.id, film)
    other = kodi.add_movie("Other", year=2000, minutes=10)
    another = add_film("Other", 2000, minutes=10)
    add_copy(server, another, f"movie:{other.id}", other.file)
    mark_watched(alice.id, another)
    assert run("sync-queue", "--limit", "1").exit_code == 4
    assert run("sync-queue", "--max-seconds", "0").exit_code == 4
    assert run("sync-queue", "--source", "Living room").exit_code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--source", "Nowhere"], "There is no source named Nowhere. Sources: Living room."),
        (["--pause", "Nowhere"], "There is no source named Nowhere."),
        (["--status", "--dry-run"], "Choose one of"),
        (["--watch", "--pause-all"], "Choose one of"),
        (["--limit", "0"], "Invalid value"),
        (["--nonsense"], "No such option"),
    ],
)
def test_wrong_usage_is_one_line_and_2(run, server, words, message):
    result = run("sync-queue", *words)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


def test_all_sources_are_paused_and_resumed(run, server, kodi, alice, film):
    mark_watched(alice.id, film)
    result = run("sync-queue", "--pause-all")
    assert (result.exit_code, result.output) == (0, "Every source is paused.\n")
    assert run("sync-queue").exit_code == 4
    assert kodi.requests == []
    result = run("sync-queue", "--resume-all")
    assert (result.exit_code, result.output) == (0, "Every source goes on.\n")
    assert run("sync-queue").exit_code == 0


def test_what_a_server_said_is_printed_as_it_is(run, server, kodi, alice, film):
    mark_watched(alice.id, film)
    server.name = "[b]L[/x]\x1b[2J"
    kodi.fail_next(status=500, body="[/nonsense]", times=9)
    result = run("sync-queue")
    assert result.exit_code == 4
    assert "[b]L[/x] [2J" in result.output
    assert "[b]L[/x] [2J" in run("sync-queue", "--status").output


def test_it_watches_no_longer_than_it_may(run, server, kodi, alice, film):
    mark_watched(alice.id, film)
    result = run("sync-queue", "--watch", "--max-seconds", "1")
    assert result.exit_code == 0, result.output
    assert kodi.movies[1].playcount == 1


def test_what_webhooks_have_brought_is_read_before_anything_is_delivered(
    run, server, kodi, alice, film
):
    attic = add_server("Attic", alice, kind="jellyfin")
    add_copy(attic, film, "abc123")
    db.session.flush()
    store_event(
        attic.id, "generic", json.dumps({"event": "watched", "type": "movie", "id": "abc123"})
    )
    assert run("sync-queue", "--source", "Living room").exit_code == 0
    assert kodi.movies[1].playcount == 1


@pytest.mark.parametrize(
    ("failure", "attempt", "needs_you"),
    [
        ("transient", 1, False),
        ("transient", 40, False),
        ("rate_limited", 1, False),
        ("auth", 1, False),
        ("unconfirmed", 1, False),
        ("unconfirmed", 2, False),
        ("unconfirmed", 3, True),
        ("bug", 1, False),
        ("bug", 3, True),
        ("overtaken", 1, False),
        ("invalid", 1, True),
        ("unmatched", 1, True),
    ],
)
def test_what_has_a_next_attempt_does_not_need_you(failure, attempt, needs_you):
    assert needs_a_person(failure, attempt) is needs_you
    at = retry_at(failure, attempt, now())
    assert not (needs_you and at)
