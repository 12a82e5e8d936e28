"""Cases in which one person's watching ended up with another. Each names where somebody was hurt by
it.
"""

import pytest
from flask.testing import FlaskCliRunner
from sqlalchemy import delete, select

from mydia_web.db import db
from mydia_web.playback import mark_watched
from mydia_web.queue.sign_ins import CONFIRM_AFTER
from mydia_web.sources import registry
from mydia_web.sources.accounts import get_source, link_account
from mydia_web.sources.models import Source, SourceAccount
from tests.backends.emby.bench import EmbyBench
from tests.backends.jellyfin.bench import JellyfinBench
from tests.backends.plex.conftest import kind_at, signed_in
from tests.fakes.plex import BOB, FakePlex
from tests.sync.household import Household, heat, queue


@pytest.mark.parametrize("make", [JellyfinBench, EmbyBench])
def test_a_token_of_somebody_else_is_refused_before_anything_is_written(
    runner: FlaskCliRunner, session, cast, make
):
    """watchstate #286: what one person watched was written to the administrator's account."""
    bench = make()
    try:
        token = bench.fake.new_token(bench.fake.add_person("bob").id, "device")
        words = ["sources", "add", bench.backend.traits.kind, "There", bench.connection().base_url]
        words += ["--user", "alice", "--token-env", "TOKEN", "--remote-user", "alice"]
        result = runner.invoke(args=words, env={"TOKEN": token})
        assert result.exit_code == 1, result.output
        assert db.session.scalars(select(Source)).all() == []
        assert bench.writes() == []
    finally:
        bench.close()


def test_a_plex_token_of_somebody_else_is_refused_before_anything_is_written(
    runner: FlaskCliRunner, session, cast, monkeypatch
):
    """watchstate #286, on Plex, where a token is one person's."""
    with FakePlex() as plex:
        monkeypatch.setitem(registry._BACKENDS, "plex", kind_at(plex))
        words = [
            "sources",
            "add",
            "plex",
            "There",
            plex.url,
            "--user",
            "alice",
            "--token-env",
            "TOKEN",
        ]
        env = {"TOKEN": signed_in(plex, BOB)["token"]}
        result = runner.invoke(args=[*words, "--remote-user", "alice"], env=env)
        assert result.exit_code == 1, result.output
        assert db.session.scalars(select(Source)).all() == []
        assert plex.writes() == []


def test_a_refused_sign_in_holds_up_its_own_person_only(household: Household, alice, bob):
    """JellyPlex-Watched and PlexTraktSync: one refused token ended the run for all."""
    server = household.add("jellyfin", "There")
    target, fake = server.has_heat(), server.fake
    there = fake.add_person("bob")
    credentials = {"token": fake.new_token(there.id, "of bob")}
    link_account(get_source(server.source_id), bob.id, credentials, remote_user_id=there.id)
    server.pull()
    fake.tokens = {token: who for token, who in fake.tokens.items() if who[0] == there.id}
    for person in (alice, bob):
        mark_watched(person.id, heat())
    household.drain()
    household.later(seconds=CONFIRM_AFTER.total_seconds())
    household.drain()
    assert [(row.user_id, row.status, row.error_class) for row in queue()] == [
        (alice.id, "failed", "auth"),
        (bob.id, "synced", None),
    ]
    title = fake.titles[target.remote_id]
    assert (title.state(there.id).played, server.bench.held(target).watched) == (True, False)
    asked = len(fake.requests)
    household.later(days=1)
    household.drain()
    assert len(fake.requests) == asked


def test_nobody_is_told_with_somebody_elses_sign_in(household: Household, alice, bob):
    """Reel, and watchstate #286: without an account of their own a person's state went out with the
    admin's token.
    """
    server = household.add("jellyfin", "There")
    target = server.has_heat()
    server.pull()
    mark_watched(bob.id, heat())
    household.drain()
    assert queue() == []
    mark_watched(alice.id, heat())
    db.session.execute(delete(SourceAccount).where(SourceAccount.user_id == alice.id))
    household.drain()
    assert server.bench.writes() == []
    assert not server.bench.held(target).watched
