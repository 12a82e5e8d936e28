"""Eight people at one person's show, beside pulls and deliveries: real threads, real transactions,
one PostgreSQL.
"""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Barrier, Event

from flask import Flask
from sqlalchemy import event, select
from sqlalchemy.engine import Engine, ExceptionContext

from mydia_web import create_app
from mydia_web.accounts.users import add_user
from mydia_web.config import Settings
from mydia_web.db import begin_write, db
from mydia_web.library.content import list_episodes
from mydia_web.library.models import Episode, MediaItem
from mydia_web.playback.models import PlaybackProgress, ShowProgress
from mydia_web.playback.shows import _seen_episodes, choose_next
from mydia_web.queue.models import QueuedChange, Status
from mydia_web.sync.inbound.run_pull import run_pull
from mydia_web.sync.outbound.worker import Worker
from mydia_web.sync.pulls import request_pull
from tests.cast import add_server
from tests.conftest import PASSWORD, migrate
from tests.databases import Cluster
from tests.fakes.kodi import FakeKodi

PEOPLE = 8
SEASONS, EPISODES = 3, 8
HTMX = {"HX-Request": "true"}


@dataclass
class Crowd:
    """An application on PostgreSQL, with a show on two Kodis that it has pulled."""

    app: Flask
    kodis: tuple[FakeKodi, FakeKodi]
    show_id: int
    source_ids: list[int]
    #: What clients were answered, and what ended transactions, by SQLSTATE.
    answers: Counter[int] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)

    def acts(self, number: int, seed: int) -> None:
        """Let all mark, unmark and undo at once, so many times each, while both Kodis are pulled
        and told.
        """
        begins, over = Barrier(PEOPLE + 2), Event()
        with ThreadPoolExecutor(PEOPLE + 2) as pool:
            beside = [
                pool.submit(self._beside, work, begins, over) for work in (self.pull, self.drain)
            ]
            clicking = [
                pool.submit(self._click, number, seed + one, begins) for one in range(PEOPLE)
            ]
            try:
                for one in clicking:
                    one.result()
            finally:
                over.set()
            for one in beside:
                one.result()

    def _beside(self, work: Callable[[], None], begins: Barrier, over: Event) -> None:
        begins.wait()
        with self.app.app_context():
            while not over.is_set():
                work()
                over.wait(0.01)

    def _click(self, number: int, seed: int, begins: Barrier) -> None:
        chance = random.Random(seed)
        browser = self.app.test_client()
        browser.post("/login", data={"name": "alice", "password": PASSWORD})
        undos: list[str] = []
        begins.wait()
        for _ in range(number):
            season = chance.randint(0, SEASONS)
            part = f"/seasons/{season}" if season else ""
            act = chance.choice(["watched", "watched", "unwatched", "undo"])
            address = f"/shows/{self.show_id}{part}/{act}"
            if act == "undo":
                address = undos.pop() if undos else f"/shows/{self.show_id}/unwatched"
            answer = browser.post(address, headers=HTMX)
            self.answers[answer.status_code] += 1
            undos += re.findall(r"/undo/\d+", answer.text)[:1]

    def pull(self) -> None:
        """Read both Kodis, each to its end."""
        for source_id in self.source_ids:
            begin_write()
            pull_id = request_pull(source_id, is_sweep=True).id
            db.session.commit()
            run_pull(pull_id)

    def drain(self) -> None:
        with Worker() as worker:
            worker.drain()

    def watched_here(self) -> set[str]:
        """The numbers of what is watched, as the Kodis know them."""
        query = select(Episode.season_number, Episode.episode_number)
        query = query.join(PlaybackProgress, PlaybackProgress.episode_id == Episode.id)
        rows = db.session.execute(query.where(PlaybackProgress.watched))
        return {str((season - 1) * EPISODES + number) for season, number in rows}

    def watched_there(self) -> list[set[str]]:
        """The same as each Kodi has it."""
        return [
            {video.uniqueid["tvdb"] for video in kodi.episodes.values() if video.watched}
            for kodi in self.kodis
        ]

    def check_rows(self) -> None:
        """Whatever came last: each row that is still owed asks for what our record says."""
        watched = {
            one.episode_id for one in db.session.scalars(select(PlaybackProgress)) if one.watched
        }
        for row in db.session.scalars(
            select(QueuedChange).where(QueuedChange.status != Status.SYNCED)
        ):
            assert row.completed == (row.episode_id in watched), row.id

    def check_next_episode(self) -> None:
        """It is what follows from the records, as if all had been done one after the other."""
        kept = db.session.scalars(select(ShowProgress)).one()
        state, found = choose_next(*_seen_episodes(kept.user_id, self.show_id))
        assert (kept.state, kept.next_episode_id) == (state, found and found.episode_id)


@contextmanager
def crowd(cluster: Cluster, folder: Path) -> Iterator[Crowd]:
    url = cluster.create()
    migrate(url)
    settings = Settings(
        data_dir=str(folder), database_url=url, secret_key="only for tests", sync_delay=0.0
    )
    app = create_app(
        {
            "SETTINGS": settings,
            "TESTING": True,
            "WTF_CSRF_ENABLED": False,
            "RATELIMIT_ENABLED": False,
        }
    )
    with ExitStack() as stack:
        kodis = (stack.enter_context(FakeKodi()), stack.enter_context(FakeKodi()))
        for kodi in kodis:
            show = kodi.add_show("The Long Orbit", year=2019, tvdb="77")
            for number in range(SEASONS * EPISODES):
                season, episode = divmod(number, EPISODES)
                kodi.add_episode(show, season + 1, episode + 1, tvdb=str(1 + number))
        with app.app_context():
            begin_write()
            alice = add_user("alice", PASSWORD, is_admin=True)
            sources = [
                add_server(f"Kodi {number}", alice, url=one.url) for number, one in enumerate(kodis)
            ]
            source_ids = [source.id for source in sources]
            db.session.commit()
            found = Crowd(app, kodis, 0, source_ids)
            found.pull()
            found.show_id = db.session.scalars(select(MediaItem.id)).one()
            assert len(list_episodes(found.show_id)) == SEASONS * EPISODES
            db.session.remove()
            with _noting(found.failures):
                yield found
            db.session.remove()
            db.engine.dispose()


@contextmanager
def _noting(failures: Counter[str]) -> Iterator[None]:
    def note(context: ExceptionContext) -> None:
        failures[str(getattr(context.original_exception, "sqlstate", None))] += 1

    event.listen(Engine, "handle_error", note)
    try:
        yield
    finally:
        event.remove(Engine, "handle_error", note)
