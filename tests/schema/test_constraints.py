"""What the database itself refuses, tried by SQL through no model of ours."""

from typing import Any

import pytest
from sqlalchemy import Inspector

from tests.schema.household import LATER, WHEN, Household

PROGRESS, QUEUE = "playback_progress", "playback_sync_queue"


def test_a_user_has_one_progress_record_of_a_film(household: Household) -> None:
    household.progress(media_item_id=household.film)
    household.progress(media_item_id=household.film, user_id=household.bob)
    with household.refused(PROGRESS, "user_id", "media_item_id"):
        household.progress(media_item_id=household.film)


def test_a_user_has_one_progress_record_of_an_episode(household: Household) -> None:
    household.progress(episode_id=household.pilot)
    household.progress(episode_id=household.second)
    household.progress(episode_id=household.pilot, user_id=household.bob)
    with household.refused(PROGRESS, "user_id", "episode_id"):
        household.progress(episode_id=household.pilot)


@pytest.mark.parametrize("table", [PROGRESS, "plays", "changes", "source_items", "external_ids"])
@pytest.mark.parametrize("parents", ["both", "none"])
def test_a_row_is_of_one_film_or_one_episode(
    household: Household, table: str, parents: str
) -> None:
    others: dict[str, dict[str, Any]] = {
        "changes": {"change_set_id": household.add("change_sets", user_id=household.alice)},
        "source_items": {"source_id": household.kodi, "remote_id": "new"},
        "external_ids": {"value": "1", "kind": "episode" if parents == "both" else "movie"},
    }
    both = {"media_item_id": household.film, "episode_id": household.pilot}
    values = others.get(table, {"user_id": household.alice}) | (both if parents == "both" else {})
    with household.refused(f"ck_{table}_one_content"):
        household.add(table, **values)


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"position_seconds": -1}, "position"),
        ({"duration_seconds": 0}, "duration"),
        ({"duration_seconds": -600}, "duration"),
        ({"completion_percentage": 100.1}, "percentage"),
        ({"completion_percentage": 101}, "percentage"),
        ({"completion_percentage": -1}, "percentage"),
        ({"completion_percentage": float("inf")}, "percentage"),
    ],
)
def test_progress_outside_of_its_title_is_refused(
    household: Household, wrong: dict[str, Any], rule: str
) -> None:
    with household.refused(f"ck_{PROGRESS}_{rule}"):
        household.progress(media_item_id=household.film, **wrong)


@pytest.mark.parametrize(
    "right",
    [
        {"position_seconds": 0, "completion_percentage": 0},
        {"position_seconds": 600, "completion_percentage": 100},
        {"duration_seconds": 1},
    ],
)
def test_progress_at_the_edges_of_its_title_is_kept(
    household: Household, right: dict[str, Any]
) -> None:
    household.progress(media_item_id=household.film, **right)


def test_what_is_not_said_to_be_watched_is_unwatched(household: Household) -> None:
    household.progress(media_item_id=household.film)
    assert household.values(PROGRESS, "watched") == [False]


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"change_type": "rate"}, "change_type"),
        ({"change_type": ""}, "change_type"),
        ({"status": "done"}, "status"),
        ({"status": "PENDING"}, "status"),
        ({"position_ms": -1}, "position"),
        ({"claim_token": "a"}, "claim"),
        ({"status": "syncing", "next_attempt_at": None, "lease_until": LATER}, "claim"),
        ({"lease_until": LATER}, "lease"),
        ({"status": "syncing", "next_attempt_at": None, "claim_token": "a"}, "lease"),
        ({"status": "pending", "next_attempt_at": None}, "pending_is_due"),
        ({"status": "synced", "next_attempt_at": LATER}, "settled_is_not_due"),
        (
            {
                "status": "syncing",
                "next_attempt_at": LATER,
                "claim_token": "a",
                "lease_until": LATER,
            },
            "settled_is_not_due",
        ),
    ],
)
def test_a_queued_change_in_no_state_we_know_is_refused(
    household: Household, wrong: dict[str, Any], rule: str
) -> None:
    with household.refused(f"ck_{QUEUE}_{rule}"):
        household.queued(**wrong)


@pytest.mark.parametrize(
    "right",
    [
        {"status": "pending", "next_attempt_at": WHEN},
        {"status": "syncing", "next_attempt_at": None, "claim_token": "a", "lease_until": LATER},
        {"status": "synced", "next_attempt_at": None},
        {"status": "failed", "next_attempt_at": LATER},
        {"status": "failed", "next_attempt_at": None},
    ],
)
def test_a_queued_change_in_a_state_we_know_is_kept(
    household: Household, right: dict[str, Any]
) -> None:
    household.queued(**right)


def test_a_change_of_a_film_is_owed_to_a_source_once(household: Household) -> None:
    household.queued()
    household.queued(user_id=household.bob)
    household.queued(source_id=household.jellyfin)
    with household.refused(QUEUE, "user_id", "media_item_id", "source_id", "play_key"):
        household.queued(change_type="mark_unwatched")


def test_a_change_of_an_episode_is_owed_to_a_source_once(household: Household) -> None:
    household.queued(episode_id=household.pilot)
    with household.refused(QUEUE, "user_id", "episode_id", "source_id", "play_key"):
        household.queued(episode_id=household.pilot, change_type="mark_unwatched")


def test_two_episodes_of_a_show_and_the_show_itself_are_owed_beside_each_other(
    household: Household,
) -> None:
    household.queued(episode_id=household.pilot)
    household.queued(episode_id=household.second)
    household.queued(media_item_id=household.show)
    assert household.counts()[QUEUE] == 3


def test_a_play_that_a_service_counts_is_owed_beside_the_state(household: Household) -> None:
    household.queued()
    household.queued(play_key="2026-11-21T20:00:00Z")
    with household.refused(QUEUE, "user_id", "media_item_id", "source_id", "play_key"):
        household.queued(play_key="2026-11-21T20:00:00Z")


def test_a_queued_change_needs_a_media_item(household: Household) -> None:
    with household.refused("media_item_id"):
        household.queued(media_item_id=None)


def test_an_external_id_names_one_title_of_its_kind(household: Household) -> None:
    household.add("external_ids", value="1", media_item_id=household.film)
    household.add("external_ids", value="1", kind="show", media_item_id=household.show)
    household.add("external_ids", value="1", kind="episode", episode_id=household.pilot)
    household.add("external_ids", value="1", provider="tvdb", media_item_id=household.film)
    with household.refused("external_ids", "provider", "kind", "value"):
        household.add("external_ids", value="1", media_item_id=household.show)


def test_the_kind_of_an_external_id_is_that_of_its_title(household: Household) -> None:
    with household.refused("ck_external_ids_kind"):
        household.add("external_ids", value="1", kind="movie", episode_id=household.pilot)
    with household.refused("ck_external_ids_kind"):
        household.add("external_ids", value="1", kind="episode", media_item_id=household.film)


def test_a_show_has_an_episode_number_once_in_a_season(household: Household) -> None:
    place = {"media_item_id": household.show, "episode_number": 1}
    household.add("episodes", season_number=0, **place)
    with household.refused("episodes", "media_item_id", "season_number", "episode_number"):
        household.add("episodes", season_number=1, **place)


def test_specials_and_an_episode_zero_exist_but_nothing_below(household: Household) -> None:
    household.add("episodes", media_item_id=household.show, season_number=0, episode_number=0)
    with household.refused("ck_episodes_season"):
        household.add("episodes", media_item_id=household.show, season_number=-1, episode_number=1)
    with household.refused("ck_episodes_episode"):
        household.add("episodes", media_item_id=household.show, season_number=1, episode_number=-1)


@pytest.mark.parametrize("type_", ["music", "episode", "", "Movie"])
def test_a_media_item_is_a_movie_or_a_show(household: Household, type_: str) -> None:
    with household.refused("ck_media_items_type"):
        household.add("media_items", type=type_)


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_running_time_is_positive_or_unknown(household: Household, seconds: int) -> None:
    with household.refused("ck_media_items_runtime"):
        household.change("media_items", household.film, runtime_seconds=seconds)
    with household.refused("ck_episodes_runtime"):
        household.change("episodes", household.pilot, runtime_seconds=seconds)


def test_a_user_has_one_account_on_a_source(household: Household) -> None:
    with household.refused("source_accounts", "source_id", "user_id"):
        household.add("source_accounts", user_id=household.alice, source_id=household.kodi)


def test_a_remote_id_is_one_item_of_a_source(household: Household) -> None:
    with household.refused("source_items", "source_id", "remote_id"):
        household.add(
            "source_items", source_id=household.kodi, remote_id="f", media_item_id=household.film
        )


def test_several_copies_on_a_source_may_be_the_same_film(household: Household) -> None:
    household.add(
        "source_items", source_id=household.kodi, remote_id="4k", media_item_id=household.film
    )


def test_a_remote_id_is_unmatched_once(household: Household) -> None:
    household.add("unmatched_items", source_id=household.kodi, remote_id="?")
    with household.refused("unmatched_items", "source_id", "remote_id"):
        household.add("unmatched_items", source_id=household.kodi, remote_id="?")


def test_an_account_has_one_last_shown_state_of_an_item(household: Household) -> None:
    key = {
        "source_account_id": household.accounts["alice", "kodi"],
        "source_item_id": household.copies["kodi film"],
    }
    household.add("source_item_states", **key)
    with household.refused("source_item_states", "source_account_id", "source_item_id"):
        household.add("source_item_states", watched=False, **key)


def test_a_source_has_one_open_pull(household: Household) -> None:
    household.add("pulls", source_id=household.kodi, status="done", finished_at=WHEN)
    household.add("pulls", source_id=household.kodi)
    household.add("pulls", source_id=household.jellyfin)
    with household.refused("pulls", "source_id"):
        household.add("pulls", source_id=household.kodi, status="running")


def test_a_pull_has_a_status_we_know(household: Household) -> None:
    with household.refused("ck_pulls_status"):
        household.add("pulls", source_id=household.kodi, status="paused")


def test_a_user_stands_at_one_place_in_a_show(household: Household) -> None:
    key = {"user_id": household.alice, "media_item_id": household.show}
    household.add("show_progress", **key)
    with household.refused("show_progress", "user_id", "media_item_id"):
        household.add("show_progress", **key)
    with household.refused("ck_show_progress_state"):
        household.add(
            "show_progress", user_id=household.bob, media_item_id=household.show, state="begun"
        )


@pytest.mark.parametrize(
    ("table", "values", "unique"),
    [
        ("users", {"name": "alice", "name_key": "another"}, "name"),
        ("users", {"name": "Alice", "name_key": "alice"}, "name_key"),
        ("sources", {"name": "kodi", "name_key": "another"}, "name"),
        ("sources", {"name": "KODI", "name_key": "kodi"}, "name_key"),
        ("api_tokens", {"token_hash": "h", "user_id": "alice"}, "token_hash"),
        ("artworks", {"key": "k", "source_id": "kodi"}, "key"),
    ],
)
def test_a_name_is_given_once(
    household: Household, table: str, values: dict[str, Any], unique: str
) -> None:
    values = {
        key: getattr(household, of) if key.endswith("_id") else of for key, of in values.items()
    }
    if table in ("api_tokens", "artworks"):
        household.add(table, **values)
    with household.refused(table, unique):
        household.add(table, **values)


@pytest.mark.parametrize(
    "parent", ["user_id", "media_item_id", "episode_id", "source_id", "change_set_id"]
)
def test_a_queued_change_of_nobody_or_nothing_is_refused(household: Household, parent: str) -> None:
    with household.refused_as_orphan():
        household.queued(**{parent: 10**6})


@pytest.mark.parametrize("parent", ["user_id", "media_item_id", "episode_id"])
def test_progress_of_nobody_or_nothing_is_refused(household: Household, parent: str) -> None:
    of = {} if parent.endswith(("item_id", "episode_id")) else {"media_item_id": household.film}
    with household.refused_as_orphan():
        household.progress(**of | {parent: 10**6})


def test_every_column_that_names_a_row_of_another_table_is_a_foreign_key(
    inspector: Inspector,
) -> None:
    remote = {
        ("source_items", "remote_id"),
        ("unmatched_items", "remote_id"),
        ("source_item_versions", "remote_id"),
        ("source_item_states", "version_id"),
    }
    remote |= {
        ("source_accounts", "remote_user_id"),
        ("source_accounts", "device_id"),
        ("sources", "server_id"),
    }
    free = {
        (table, column["name"])
        for table in inspector.get_table_names()
        for column in inspector.get_columns(table)
        if column["name"].endswith("_id")
    }
    for table, keys in (
        (name, inspector.get_foreign_keys(name)) for name in inspector.get_table_names()
    ):
        free -= {(table, column) for key in keys for column in key["constrained_columns"]}
    assert free == remote
