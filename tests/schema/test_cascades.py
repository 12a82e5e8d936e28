"""What goes with a row that is deleted, and what stays."""

from typing import Any

import pytest
from sqlalchemy import Inspector

from tests.schema.household import Household


@pytest.fixture
def full(household: Household) -> Household:
    household.fill()
    return household


def test_the_household_has_a_row_in_every_table(full: Household) -> None:
    assert [table for table, rows in full.counts().items() if rows == 0] == []


def test_a_user_takes_all_that_is_theirs_and_nothing_of_others(full: Household) -> None:
    assert full.lost_by_deleting("users", full.alice) == {
        "users": 1,
        "account_links": 1,
        "now_playing": 1,
        "pull_change_sets": 1,
        "api_tokens": 1,
        "source_accounts": 2,
        "source_item_states": 3,
        "playback_progress": 2,
        "plays": 2,
        "change_sets": 1,
        "changes": 2,
        "show_progress": 1,
        "playback_sync_queue": 3,
        "sync_attempts": 2,
    }
    assert set(full.values("playback_progress", "user_id")) == {full.bob}


def test_a_film_takes_its_copies_and_what_everybody_did_with_it(full: Household) -> None:
    assert full.lost_by_deleting("media_items", full.film) == {
        "media_items": 1,
        "now_playing": 2,
        "external_ids": 1,
        "source_items": 2,
        "source_item_states": 4,
        "playback_progress": 2,
        "plays": 2,
        "changes": 2,
        "playback_sync_queue": 4,
        "sync_attempts": 2,
    }
    assert set(full.values("playback_progress", "episode_id")) == {full.pilot}


def test_an_episode_takes_its_copies_and_what_everybody_did_with_it(full: Household) -> None:
    assert full.lost_by_deleting("episodes", full.pilot) == {
        "episodes": 1,
        "external_ids": 1,
        "source_items": 1,
        "source_item_episodes": 1,
        "source_item_versions": 1,
        "source_item_states": 2,
        "playback_progress": 2,
        "plays": 2,
        "changes": 2,
        "playback_sync_queue": 2,
        "sync_attempts": 2,
    }


def test_the_place_in_a_show_outlives_its_next_episode(full: Household) -> None:
    assert full.lost_by_deleting("episodes", full.second) == {
        "episodes": 1,
        "source_item_episodes": 1,
    }
    assert full.values("show_progress", "next_episode_id") == [None, None]


def test_a_show_takes_its_episodes_and_all_of_theirs(full: Household) -> None:
    assert full.lost_by_deleting("media_items", full.show) == {
        "media_items": 1,
        "episodes": 2,
        "external_ids": 2,
        "source_items": 1,
        "source_item_episodes": 1,
        "source_item_versions": 1,
        "source_item_states": 2,
        "playback_progress": 2,
        "plays": 2,
        "changes": 2,
        "show_progress": 2,
        "playback_sync_queue": 2,
        "sync_attempts": 2,
    }


def test_a_source_takes_its_items_accounts_and_queue_but_no_history(full: Household) -> None:
    assert full.lost_by_deleting("sources", full.kodi) == {
        "account_links": 2,
        "now_playing": 2,
        "pull_change_sets": 2,
        "source_events": 1,
        "sources": 1,
        "artworks": 1,
        "playback_sync_queue": 4,
        "sync_attempts": 4,
        "pulls": 1,
        "source_accounts": 2,
        "source_item_states": 4,
        "source_items": 2,
        "source_item_episodes": 1,
        "source_item_versions": 1,
        "unmatched_items": 1,
    }
    assert set(full.values("plays", "source_id")) == {None}
    assert set(full.values("change_sets", "source_id")) == {None}
    assert set(full.values("playback_sync_queue", "source_id")) == {full.jellyfin}


def test_a_change_set_takes_its_changes_but_neither_the_plays_nor_what_is_owed(
    full: Household,
) -> None:
    gone, kept = full.change_sets["alice"], full.change_sets["bob"]
    assert full.lost_by_deleting("change_sets", gone) == {
        "change_sets": 1,
        "changes": 2,
        "pull_change_sets": 1,
    }
    assert full.values("plays", "change_set_id") == [None, None, kept, kept]
    assert set(full.values("playback_sync_queue", "change_set_id")) == {None, kept}


def test_an_account_takes_the_states_it_was_shown_but_no_progress(full: Household) -> None:
    lost = full.lost_by_deleting("source_accounts", full.accounts["alice", "kodi"])
    assert lost == {"source_accounts": 1, "source_item_states": 2, "now_playing": 1}


def test_a_source_item_takes_the_states_it_showed_but_no_progress(full: Household) -> None:
    lost = full.lost_by_deleting("source_items", full.copies["kodi film"])
    assert lost == {"source_items": 1, "source_item_states": 2, "now_playing": 2}


def test_a_file_of_several_episodes_outlives_the_further_ones_and_takes_none_with_it(
    full: Household,
) -> None:
    lost = full.lost_by_deleting("source_items", full.copies["kodi pilot"])
    assert lost == {
        "source_items": 1,
        "source_item_episodes": 1,
        "source_item_versions": 1,
        "source_item_states": 2,
    }


def test_every_foreign_key_says_what_a_deletion_does(inspector: Inspector) -> None:
    silent = [
        (table, key["constrained_columns"])
        for table in inspector.get_table_names()
        for key in inspector.get_foreign_keys(table)
        if key["options"].get("ondelete") not in ("CASCADE", "SET NULL")
    ]
    assert silent == []


def test_every_foreign_key_leads_an_index_for_the_deletion_to_use(inspector: Inspector) -> None:
    slow = [
        (table, column)
        for table in inspector.get_table_names()
        for key in inspector.get_foreign_keys(table)
        for column in key["constrained_columns"]
        if column not in _leading_columns(inspector, table)
    ]
    assert slow == []


def _leading_columns(inspector: Inspector, table: str) -> set[str | None]:
    """The first column of each index in which a deletion finds all of its rows."""
    keys = [unique["column_names"][0] for unique in inspector.get_unique_constraints(table)]
    keys += inspector.get_pk_constraint(table)["constrained_columns"][:1]
    return {*keys, *(_first(index) for index in inspector.get_indexes(table))}


def _first(index: Any) -> str | None:
    column: str | None = index["column_names"][0]
    condition = "".join(
        str(value)
        for option, value in index.get("dialect_options", {}).items()
        if option.endswith("_where")
    )
    return column if condition.strip("()") in ("", f"{column} IS NOT NULL") else None
