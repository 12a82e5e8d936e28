"""Every question that pages, players and the worker ask, of a database as it is after years."""

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import ColumnElement, Engine, create_engine, select

from mydia_web import create_app
from mydia_web.config import Settings
from mydia_web.db import db
from mydia_web.library.content import list_episodes, search_library
from mydia_web.library.models import ContentKey, Episode, MediaItem
from mydia_web.playback import (
    continue_watching,
    get_next_episode,
    get_progress,
    history,
    list_user_progress,
    up_next,
)
from mydia_web.playback.continue_watching import CardCursor
from mydia_web.playback.history import Cursor, plays_of
from mydia_web.queue import board
from mydia_web.queue.agreement import copy_statuses, names_of_told
from mydia_web.queue.attempts import list_attempts
from mydia_web.queue.board import (
    Filter,
    Kind,
    Tab,
    count_tabs,
    find_row,
    list_rows,
    owed_by_source,
)
from mydia_web.queue.claims import find_scan_start
from mydia_web.queue.intents import Intent
from mydia_web.queue.models import ChangeType, QueuedChange
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.sources.recipients import sources_to_tell
from mydia_web.sync.outbound.delivery import prepare
from tests.conftest import Clock, migrate
from tests.databases import Cluster
from tests.once import make_once
from tests.schema import crowd
from tests.schema.crowd import ALICE, BOB, DEAD, FILM, NOW, SHOW
from tests.schema.plans import Answer, answer, generic_plan

#: What grows by use or with the library. The others, as sources, may be read whole.
BIG = {
    "changes",
    "change_sets",
    "episodes",
    "media_items",
    "playback_progress",
    "playback_sync_queue",
    "plays",
    "show_progress",
    "source_item_states",
    "source_items",
    "sync_attempts",
}

LONG_AGO = NOW - timedelta(days=400)
QUEUE = PlaybackSyncRepository()
TO_DEAD = Filter(source_id=DEAD)


def film() -> MediaItem:
    return db.session.get_one(MediaItem, FILM)


def show() -> MediaItem:
    return db.session.get_one(MediaItem, SHOW)


def episode() -> Episode:
    return db.session.get_one(Episode, 900)


def enqueue(change_type: ChangeType, episode_id: int | None) -> int:
    content = ContentKey.from_columns(FILM, episode_id)
    is_mark = change_type is not ChangeType.PROGRESS_UPDATE
    return QUEUE.enqueue_change(
        Intent(
            user_id=ALICE,
            source_id=DEAD,
            content=content,
            title_id=FILM if content.kind == "movie" else SHOW,
            change_type=change_type,
            position_ms=1000,
            duration_ms=2000,
            completed=True if is_mark else None,
            at=NOW,
            origin="web",
        )
    )


def some_due(which: ColumnElement[bool]) -> Sequence[QueuedChange]:
    due = (QueuedChange.source_id == DEAD, QueuedChange.next_attempt_at.is_not(None))
    return db.session.scalars(select(QueuedChange).where(*due, which).limit(50)).all()


QUESTIONS: dict[str, Callable[[], object]] = {
    # The home page
    "continue watching": lambda: continue_watching(ALICE),
    "continue watching, further down": lambda: continue_watching(ALICE, before=A_FILM),
    "up next": lambda: up_next(ALICE),
    "up next, further down": lambda: up_next(ALICE, before=A_SHOW),
    # History
    "history": lambda: history(ALICE),
    "history, deep down": lambda: history(ALICE, before=Cursor(LONG_AGO, 50_000)),
    "history, where dates end": lambda: history(
        ALICE, before=Cursor(NOW - timedelta(days=5000), 1)
    ),
    "history without dates": lambda: history(ALICE, before=Cursor(None, 50_000)),
    "history of one who has little": lambda: history(BOB),
    "plays of a film": lambda: plays_of(ALICE, film()),
    "plays of an episode": lambda: plays_of(ALICE, episode()),
    # Titles
    "progress of a film": lambda: get_progress(ALICE, film()),
    "progress of an episode": lambda: get_progress(ALICE, episode()),
    "a page of progress": lambda: list_user_progress(ALICE, limit=50),
    "a page of what is unwatched": lambda: list_user_progress(ALICE, watched=False, limit=50),
    "next episode": lambda: get_next_episode(ALICE, show()),
    "episodes of a season": lambda: list_episodes(SHOW, season=1),
    "films": lambda: search_library("movie"),
    "films, deep down": lambda: search_library("movie", after=("title 88888", 5_000)),
    "shows, deep down": lambda: search_library("show", after=("title 88888", 10_500)),
    # Who holds a title, and where it stands there
    "sources to tell of a film": lambda: sources_to_tell(ALICE, film()),
    "sources to tell of an episode": lambda: sources_to_tell(ALICE, episode()),
    "where a film stands": lambda: copy_statuses(ALICE, film()),
    "where an episode stands": lambda: copy_statuses(ALICE, episode()),
    "who is told of an act": lambda: names_of_told(1),
    # The outbox
    "mark a film": lambda: enqueue(ChangeType.MARK_WATCHED, None),
    "mark an episode": lambda: enqueue(ChangeType.MARK_WATCHED, 900),
    "move a film": lambda: enqueue(ChangeType.PROGRESS_UPDATE, None),
    # The worker
    "claim": lambda: QUEUE.mark_syncing(DEAD, limit=50),
    "claim from a source that is owed little": lambda: QUEUE.mark_syncing(1, limit=50),
    "claim from the front on": lambda: QUEUE.mark_syncing(
        DEAD, limit=50, start=find_scan_start(DEAD)
    ),
    "what a push of films needs": lambda: prepare(some_due(QueuedChange.episode_id.is_(None))),
    "what a push of episodes needs": lambda: prepare(
        some_due(QueuedChange.episode_id.is_not(None))
    ),
    "the front": lambda: find_scan_start(DEAD),
    "the front from an older one on": lambda: find_scan_start(DEAD, find_scan_start(DEAD)),
    "rescue": QUEUE.rescue,
    "in flight": lambda: QUEUE.count_in_flight(DEAD),
    "settle": lambda: QUEUE.mark_synced(1, "token"),
    "settle many": lambda: QUEUE.mark_many_synced({1: "token", 2: "token"}),
    "heal": lambda: QUEUE.heal(1, NOW),
    "pending": QUEUE.get_pending,
    "pending of a source": lambda: QUEUE.get_pending(source_id=1),
    "failed and retryable": QUEUE.get_failed_retryable,
    "hurry": lambda: QUEUE.hurry([1, 2]),
    "retry": lambda: QUEUE.retry_sources([1, 2]),
    "prune": lambda: QUEUE.prune(NOW - timedelta(days=90)),
    # The queue page
    "counts of the tabs": lambda: count_tabs(Filter()),
    "counts of the tabs of a user": lambda: count_tabs(Filter(ALICE)),
    "a row": lambda: find_row(1, None),
    "owed by source": lambda: owed_by_source(None),
    "owed by source to a user": lambda: owed_by_source(ALICE),
    "attempts of a page": lambda: list_attempts(range(1, 51), limit=5),
    "retry thirty that need a person": lambda: QUEUE.retry_needing_you(TO_DEAD, limit=30),
    "skip thirty that need a person": lambda: QUEUE.cancel_needing_you(TO_DEAD, limit=30),
    "hurry a hundred": lambda: QUEUE.hurry([DEAD], limit=100),
}
A_FILM = CardCursor(NOW - timedelta(days=2), "movie", 9)
A_SHOW = CardCursor(NOW - timedelta(days=20), "episode", 9)
DEEP = board.Cursor(NOW - timedelta(days=4), 50_000)
for tab in Tab:
    QUESTIONS |= {
        f"tab {tab}": lambda tab=tab: list_rows(tab, Filter()),
        f"tab {tab}, deep down": lambda tab=tab: list_rows(tab, Filter(), before=DEEP),
        f"tab {tab} of a user": lambda tab=tab: list_rows(tab, Filter(BOB)),
    }

#: Filters of the queue page. Nothing in the crowd is unwatched, so that such a look goes as far as
#: it may.
FILTERS = {
    "to the dead source": Filter(source_id=DEAD),
    "to another source": Filter(source_id=1),
    "to another source of one user": Filter(BOB, 1),
    "of a rare kind": Filter(kind=Kind.UNWATCHED),
    "of a rare kind to the dead source": Filter(source_id=DEAD, kind=Kind.UNWATCHED),
    "of a rare kind to another source of one user": Filter(BOB, 1, Kind.UNWATCHED),
}
for words, only in FILTERS.items():
    QUESTIONS[f"counts {words}"] = lambda only=only: count_tabs(only)
    for tab in Tab:
        QUESTIONS[f"filtered tab {tab} {words}"] = lambda tab=tab, only=only: list_rows(tab, only)

#: Steps of SQLite, rows of PostgreSQL that a question may take. A read through 100,000 rows takes
#: 300,000 steps.
ENOUGH = {"sqlite": 20_000, "postgresql": 5_000}
#: These count or look through up to a thousand each of several kinds, or look at all that one user
#: is owed.
ENOUGH_TO_COUNT = {"sqlite": 80_000, "postgresql": 25_000}

#: The databases of these tests: SQLite never learns what its tables hold unless somebody says
#: ANALYZE.
FRESH, ANALYSED, POSTGRESQL = "sqlite", "sqlite with statistics", "postgresql"


@pytest.fixture(scope="session")
def crowded_file(folder_of_run: Path) -> Path:
    """A SQLite file with the crowd in it."""

    def build(file: Path) -> None:
        _prepare(f"sqlite:///{file}", crowd.build)

    return make_once(folder_of_run / "crowd.db", build)


@pytest.fixture(
    scope="module", params=[FRESH, ANALYSED, pytest.param(POSTGRESQL, marks=pytest.mark.postgresql)]
)
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def address(
    request: pytest.FixtureRequest, database: str, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """The address of a database with the crowd in it."""
    if database == POSTGRESQL:
        cluster: Cluster = request.getfixturevalue("cluster")
        url = cluster.create()
        _prepare(url, crowd.build, crowd.analyse)
        return url
    file = tmp_path_factory.mktemp("crowd") / "mydia.db"
    shutil.copy(request.getfixturevalue("crowded_file"), file)
    if database == ANALYSED:
        _prepare(f"sqlite:///{file}", crowd.analyse)
    return f"sqlite:///{file}"


def _prepare(url: str, *steps: Callable[[Engine], None]) -> None:
    migrate(url)
    engine = create_engine(url)
    for step in steps:
        step(engine)
    # Closing the last connection moves what SQLite wrote ahead into the file itself.
    engine.dispose()


@pytest.fixture(scope="module")
def crowded(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    data_dir = str(tmp_path_factory.mktemp("data"))
    settings = Settings(data_dir=data_dir, database_url=address, secret_key="only for tests")
    app = create_app({"SETTINGS": settings, "TESTING": True})
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture(scope="module")
def answers(crowded: Flask) -> Callable[[str], Answer]:
    """The answer to each question, asked once."""
    known: dict[str, Answer] = {}

    def find(question: str) -> Answer:
        if question not in known:
            known[question] = answer(QUESTIONS[question])
        return known[question]

    return find


@pytest.fixture(autouse=True)
def in_the_crowd(crowded: Flask, set_clock: Clock) -> Iterator[None]:
    assert set_clock.now() == NOW
    with crowded.app_context():
        yield


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_question_reads_through_what_grows(
    question: str, answers: Callable[[str], Answer]
) -> None:
    given = answers(question)
    counts = question.startswith(("counts", "owed", "filtered", "attempts")) or question.endswith(
        "of a user"
    )
    enough = (ENOUGH_TO_COUNT if counts else ENOUGH)[db.engine.dialect.name]
    assert given.scanned & BIG == set(), str(given)
    assert given.effort <= enough, str(given)


def test_the_claim_walks_along_the_index_of_what_is_due(answers: Callable[[str], Answer]) -> None:
    given = answers("claim")
    assert "ix_playback_sync_queue_due" in given.indexes, str(given)
    assert not given.sorts, str(given)


def test_a_dead_source_makes_no_claim_of_another_dearer(answers: Callable[[str], Answer]) -> None:
    assert answers("claim from a source that is owed little").effort <= answers("claim").effort


def test_the_claim_keeps_its_index_when_it_is_planned_for_any_source(
    database: str, answers: Callable[[str], Answer]
) -> None:
    if database != POSTGRESQL:
        pytest.skip("only PostgreSQL plans for parameters it does not know yet")
    plan = generic_plan(answers("claim").plans[-1])
    assert re.search(r"source_id = \$\d", plan.words), str(plan)
    assert "ix_playback_sync_queue_due" in plan.indexes, str(plan)
    assert plan.scanned & BIG == set(), str(plan)


@pytest.mark.parametrize("question", ["rescue", "in flight"])
def test_leases_alone_tell_what_is_in_flight(
    question: str, answers: Callable[[str], Answer]
) -> None:
    assert answers(question).indexes == {"ix_playback_sync_queue_lease"}


def test_a_claim_from_the_front_begins_there(answers: Callable[[str], Answer]) -> None:
    given = answers("claim from the front on")
    assert "ix_playback_sync_queue_due" in given.indexes, str(given)
    assert not given.sorts, str(given)


@pytest.mark.parametrize(
    "question", ["history", "history, deep down", "history without dates", "films"]
)
def test_a_page_comes_out_of_its_index_in_order(
    question: str, answers: Callable[[str], Answer]
) -> None:
    assert not answers(question).sorts, str(answers(question))


def test_continue_watching_reads_only_the_films_that_are_begun(
    answers: Callable[[str], Answer],
) -> None:
    given = answers("continue watching")
    assert "ix_playback_progress_continue" in given.indexes, str(given)


def test_up_next_reads_only_the_shows_under_way(answers: Callable[[str], Answer]) -> None:
    assert "ix_show_progress_continue" in answers("up next").indexes, str(answers("up next"))


@pytest.mark.parametrize(
    ("deep", "first"),
    [
        ("history, deep down", "history"),
        ("history without dates", "history"),
        ("tab done, deep down", "tab done"),
        ("up next, further down", "up next"),
    ],
)
def test_a_deep_page_costs_hardly_more_than_the_first(
    deep: str, first: str, answers: Callable[[str], Answer]
) -> None:
    assert answers(deep).effort <= 2 * answers(first).effort + 1000, str(answers(deep))


@pytest.mark.parametrize(
    ("question", "index"),
    [
        ("mark a film", "uq_playback_sync_queue_movie"),
        ("move a film", "uq_playback_sync_queue_movie"),
        ("mark an episode", "uq_playback_sync_queue_episode"),
    ],
)
def test_a_change_finds_the_row_it_folds_into_by_its_key(
    database: str, question: str, index: str, answers: Callable[[str], Answer]
) -> None:
    given = answers(question)
    assert given.effort < 1000, str(given)
    if database == POSTGRESQL:
        assert index in given.indexes, str(given)


# Nothing is being sent in the crowd, which PostgreSQL knows: to it any index is as good.
@pytest.mark.parametrize("words", [words for words in FILTERS if "source" in words])
@pytest.mark.parametrize(
    "question", ["counts", *(f"filtered tab {tab}" for tab in Tab if tab is not Tab.SENDING)]
)
def test_what_one_source_is_told_is_found_by_an_index_led_by_it(
    question: str, words: str, answers: Callable[[str], Answer]
) -> None:
    given = answers(f"{question} {words}")
    allowed = {"ix_playback_sync_queue_source_id", "ix_playback_sync_queue_needs_you_source"}
    if "of one user" in words:  # who is owed less than the source
        allowed |= {"ix_playback_sync_queue_user_id", "ix_playback_sync_queue_own_needs_you"}
    assert given.indexes & allowed, str(given)


def test_a_question_that_scans_is_seen_to_scan() -> None:
    """These tests themselves: they would notice a missing index."""
    given = answer(
        lambda: db.session.scalars(
            select(QueuedChange.id).where(QueuedChange.origin == "api")
        ).all()
    )
    assert given.scanned == {"playback_sync_queue"}
    assert given.effort > ENOUGH[db.engine.dialect.name]
