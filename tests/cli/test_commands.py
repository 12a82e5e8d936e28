"""Users, tokens, sources and pulls from the command line."""

import json
import unicodedata
from datetime import timedelta

import pytest
from sqlalchemy import select

from mydia_web.accounts.models import User
from mydia_web.accounts.users import authenticate, user_of_token
from mydia_web.backends.errors import SignInRefused
from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.library.models import MediaItem
from mydia_web.sources.credentials import decrypt, encrypt
from mydia_web.sources.models import Source, SourceAccount
from tests.fakes.emby import FakeEmby
from tests.fakes.jellyfin import FakeJellyfin


def test_a_user_is_added_without_a_question(run, session):
    result = run(
        "users", "add", "carol", "--admin", "--password-env", "SECRET", SECRET="a long password"
    )
    assert (result.exit_code, result.output) == (0, "Added carol, an admin.\n")
    assert authenticate("carol", "a long password").is_admin


def test_a_person_is_named_in_any_spelling_by_every_command(run, session, tmp_path):
    run("users", "add", "José Ünal", "--password-env", "SECRET", SECRET="a long password")
    other = unicodedata.normalize("NFD", "JOSÉ ünal")
    token = run("tokens", "add", other, "--name", "player").output.strip()
    assert user_of_token(token).name == "José Ünal"
    assert run("sources", "add", "folder", "Küche", str(tmp_path), "--user", other).exit_code == 0
    assert run("sources", "test", unicodedata.normalize("NFD", "KÜCHE")).exit_code == 0


@pytest.mark.parametrize(
    ("words", "environment", "message"),
    [
        (["alice"], {"SECRET": "a long password"}, "This name is taken."),
        (["ALICE"], {"SECRET": "a long password"}, "This name is taken."),
        (["carol"], {"SECRET": "short"}, "at least 8 characters"),
        (["carol"], {}, "the environment variable SECRET is not set"),
        (["carol"], {"SECRET": ""}, "the environment variable SECRET is empty"),
        ([" "], {"SECRET": "a long password"}, "Choose a name"),
        (["carol", "--time-zone", "Mars/Olympus"], {"SECRET": "a long password"}, "time zone"),
    ],
)
def test_a_user_that_cannot_be_is_refused_in_one_line(run, cast, words, environment, message):
    result = run("users", "add", *words, "--password-env", "SECRET", **environment)
    assert result.exit_code == 2
    assert message in result.output
    assert len(db.session.scalars(select(User)).all()) == 2


def test_a_token_is_printed_alone(run, alice):
    result = run("tokens", "add", "alice", "--name", "Kodi add-on")
    assert result.exit_code == 0
    assert user_of_token(result.output.strip()) is not None
    assert result.output.count("\n") == 1


def test_a_source_is_added_listed_and_tested(run, kodi, alice):
    words = ("sources", "add", "kodi", "Den", kodi.url, "--user", "alice", "--username", "kodi")
    result = run(*words, "--password-env", "KODI", KODI="secret")
    assert result.exit_code == 0
    [row] = json.loads(run("sources", "list", "--json").output)
    assert (row["name"], row["kind"], row["base_url"]) == ("Den", "kodi", kodi.url)
    assert "Kodi 20.1" in run("sources", "test", "den").output


def test_a_clock_that_differs_is_told(run, kodi, alice):
    words = ("sources", "add", "kodi", "Den", kodi.url, "--user", "alice", "--username", "kodi")
    run(*words, "--password-env", "KODI", KODI="secret")
    assert run("sources", "test", "den").output.endswith("answers.\n")
    kodi.now = lambda: now() + timedelta(minutes=10)
    assert run("sources", "test", "den").output.endswith("Its clock is 10 min ahead of ours.\n")
    assert run("sources", "list").output.endswith("Its clock is 10 min ahead of ours.\n")
    [row] = json.loads(run("sources", "list", "--json").output)
    assert 590 < row["clock_skew_seconds"] < 610


@pytest.mark.parametrize("fake", [FakeJellyfin, FakeEmby])
def test_a_person_with_an_empty_password_is_signed_in(run, alice, fake):
    with fake() as server:
        server.add_person("alice", password="")
        kind = fake.__name__.removeprefix("Fake").lower()
        words = (
            "sources",
            "add",
            kind,
            "Attic",
            server.url,
            "--user",
            "alice",
            "--username",
            "alice",
        )
        assert run(*words, "--password-env", "EMPTY", EMPTY="").exit_code == 0
        assert run("sources", "test", "Attic").exit_code == 0


def test_a_servers_password_is_not_kept_in_the_clear(run, kodi, alice):
    words = ("sources", "add", "kodi", "Den", kodi.url, "--user", "alice", "--username", "kodi")
    kodi.password = "a very secret word"
    run(*words, "--password-env", "KODI", KODI="a very secret word")
    [account] = db.session.scalars(select(SourceAccount)).all()
    assert account.credentials
    assert "secret word" not in account.credentials


def test_a_server_that_refuses_the_sign_in_is_not_added(run, kodi, alice):
    words = ("sources", "add", "kodi", "Den", kodi.url, "--user", "alice", "--username", "kodi")
    result = run(*words, "--password-env", "KODI", KODI="wrong")
    assert result.exit_code == 1
    assert "refused the user name or password" in result.output
    assert db.session.scalars(select(Source)).all() == []


def test_a_server_that_does_not_answer_is_added_only_if_that_is_said(run, kodi, alice):
    kodi.down()
    words = ("sources", "add", "kodi", "Den", kodi.url, "--user", "alice")
    result = run(*words)
    assert result.exit_code == 1
    assert "Nothing answers" in result.output
    assert "Nothing was added. With --add-anyway" in result.output
    assert db.session.scalars(select(Source)).all() == []
    result = run(*words, "--add-anyway")
    assert result.exit_code == 0
    assert "It is added all the same." in result.output
    assert [source.name for source in db.session.scalars(select(Source))] == ["Den"]


def test_sign_ins_are_kept_when_the_secret_key_changes(run, server, app):
    account = db.session.scalars(select(SourceAccount)).one()
    account.credentials = encrypt({"password": "hunter22"})
    db.session.commit()
    app.config["SECRET_KEY"] = "a newer key"
    with pytest.raises(SignInRefused):
        decrypt(account.credentials)
    db.session.rollback()
    result = run("sources", "rekey", "--old-key-env", "OLD", OLD="only for tests")
    assert result.output == "1 sign-ins are kept under the new key.\n"
    assert decrypt(account.credentials) == {"password": "hunter22"}
    assert run("sources", "rekey", "--old-key-env", "OLD", OLD="only for tests").exit_code == 1
    for environment, words in (({}, "OLD is not set"), ({"OLD": ""}, "OLD is empty")):
        result = run("sources", "rekey", "--old-key-env", "OLD", **environment)
        assert (result.exit_code, words in result.output) == (2, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["kodi", "Den", "ftp://x", "--user", "alice"], "begins with http"),
        (["folder", "Den", "films", "--user", "alice"], "whole path"),
        (["kodi", "Den", "http://x", "--user", "nobody"], "There is no user named nobody"),
        (["betamax", "Den", "http://x", "--user", "alice"], "Invalid value"),
        (
            ["kodi", "Den", "http://x", "--user", "alice", "--password-env", "UNSET"],
            "UNSET is not set",
        ),
        (
            ["kodi", "Den", "http://x", "--user", "alice", "--token-env", "UNSET"],
            "UNSET is not set",
        ),
        (["kodi", "Den", "http://x", "--user", "alice", "--token-env", "EMPTY"], "EMPTY is empty"),
        (
            ["plex", "Den", "http://x", "--user", "alice", "--credential-env", "pin=UNSET"],
            "UNSET is not set",
        ),
        (
            ["plex", "Den", "http://x", "--user", "alice", "--credential-env", "pin"],
            "write NAME=VAR",
        ),
    ],
)
def test_a_source_that_cannot_be_is_refused_in_one_line(run, alice, words, message):
    result = run("sources", "add", *words, EMPTY="")
    assert result.exit_code == 2
    assert message in result.output
    assert db.session.scalars(select(Source)).all() == []


def test_a_name_is_taken_once(run, server):
    result = run("sources", "add", "folder", "living ROOM", "/srv", "--user", "alice")
    assert result.exit_code == 2
    assert "Another source has this name." in result.output


def test_testing_a_silent_server_says_what_to_look_at(run, kodi, server):
    kodi.down()
    result = run("sources", "test", "Living room")
    assert result.exit_code == 1
    assert "Is Kodi running" in result.output
    assert "secret" not in result.output


def test_a_pull_says_what_it_brought(run, kodi, server, film):
    kodi.add_movie(
        "Tears of Steel", year=2012, imdb="tt2285752", playcount=1, lastplayed="2026-01-02 03:04:05"
    )
    result = run("pull")
    assert (result.exit_code, result.output) == (0, "Living room: 2 titles: 1 watched\n")


def test_a_dry_pull_changes_nothing(run, kodi, server):
    kodi.add_movie(
        "Tears of Steel", year=2012, imdb="tt2285752", playcount=1, lastplayed="2026-01-02 03:04:05"
    )
    result = run("pull", "Living room", "--dry-run")
    assert "would bring 2 titles: 1 watched" in result.output
    assert [
        one.title for one in db.session.scalars(select(MediaItem).where(MediaItem.type == "movie"))
    ] == ["Sintel"]


def test_a_pull_that_fails_half_way_is_a_failure(run, kodi, server):
    kodi.fail_next(status=500, method="VideoLibrary.GetEpisodes")
    result = run("pull")
    assert result.exit_code == 1
    assert "Living room:" in result.output


def test_a_source_is_removed_and_what_was_watched_stays(run, server, film):
    assert run("sources", "remove", "Living room", "--yes").exit_code == 0
    assert db.session.scalars(select(Source)).all() == []
    assert db.session.get(MediaItem, film.id) is not None
