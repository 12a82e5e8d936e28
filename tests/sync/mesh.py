"""A household in which one person watches on three servers and here, while everything goes wrong
that can.

The person leaves a title alone for its length: two plays within it are taken for the beginning and
the end of one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from threading import Lock

from flask.testing import FlaskClient
from sqlalchemy import func, select

from mydia_web.accounts.models import User
from mydia_web.backends.errors import BackendError
from mydia_web.backends.values import RemoteState
from mydia_web.db import begin_write, db
from mydia_web.library.models import Content, Episode, MediaItem
from mydia_web.playback import get_progress, mark_unwatched, mark_watched, save_progress, undo
from mydia_web.playback.models import ChangeSet, Play
from mydia_web.queue.models import QueuedChange, Status
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.sources.accounts import link_account
from mydia_web.sources.inbox import make_webhook, webhook_secret
from mydia_web.sources.models import Source
from mydia_web.sync.inbound.inbox import apply_events
from mydia_web.sync.inbound.run_pull import run_pull
from mydia_web.sync.outbound import worker as delivering
from mydia_web.sync.outbound.delivery import Outcome
from mydia_web.sync.outbound.worker import Worker
from mydia_web.sync.pulls import request_pull
from tests.cast import add_server
from tests.fakes.plex import ALICE
from tests.sync.mesh_record import Kind, Record
from tests.sync.mesh_servers import Jellyfin, Kodi, Plex, Shown, Side, Work

FILMS, EPISODES = 10, 3
#: What was told is delivered, read and pushed so often at most until nothing moves.
MOST_ROUNDS = 6


class Ticking:
    """A clock that goes on a little whenever somebody looks at it, and as far as it is told."""

    def __init__(self) -> None:
        self._time, self._lock = datetime(2026, 3, 1, 8, tzinfo=UTC), Lock()

    def read(self) -> datetime:
        with self._lock:
            self._time += timedelta(milliseconds=1)
            return self._time

    def show(self) -> datetime:
        return self._time

    def pass_(self, seconds: float) -> None:
        with self._lock:
            self._time += timedelta(seconds=seconds)


@dataclass
class Figures:
    acts: int = 0
    webhooks: int = 0
    pulls: int = 0
    drains: int = 0
    pushes: int = 0
    writes: int = 0
    #: As many as there are other servers, for each act.
    most_pushes: int = 0
    deaths: int = 0
    outages: int = 0
    rounds: int = 0
    plays: int = 0
    phantoms: int = 0
    lost: int = 0
    covered: int = 0

    def __str__(self) -> str:
        return ", ".join(f"{name} {value}" for name, value in vars(self).items())


class WorkerDied(Exception):
    """What a test does to a worker."""


def works() -> list[Work]:
    films = [Work(f"Film {number}", f"tt{number + 1:07}", 90) for number in range(FILMS)]
    shows = ["Harbour Nights", "The Long Orbit"]
    return films + [
        Work(f"{show} {number}", "", 45, show, number)
        for show in shows
        for number in range(1, EPISODES + 1)
    ]


@dataclass
class Mesh:
    """The household. `random` decides everything, so that a seed tells the same story again."""

    random: Random
    clock: Ticking
    client: FlaskClient
    alice: User
    #: How far each server's clock is ahead of ours.
    minutes_ahead: Mapping[str, float]
    figures: Figures = field(default_factory=Figures)

    def __post_init__(self) -> None:
        self.works, self.user_id = works(), self.alice.id
        self.jellyfin = Jellyfin(self.works, self._clock_ahead(self.minutes_ahead["jellyfin"]))
        self.plex = Plex(self.works, self._clock_ahead(self.minutes_ahead["plex"]))
        self.kodi = Kodi(self.works, self._clock_ahead(self.minutes_ahead["kodi"]))
        self.sides: list[Side] = [self.jellyfin, self.plex, self.kodi]
        sources = {side.name: self._add_source(side) for side in self.sides}
        self.sources = {name: one.id for name, one in sources.items()}
        self.addresses = {
            name: f"{one.kind}/{webhook_secret(one)}" for name, one in sources.items()
        }
        db.session.commit()
        self.post: list[tuple[str, dict[str, object]]] = []
        self.is_down: set[str] = set()
        furthest = max(map(abs, self.minutes_ahead.values()))
        self.records = {work: Record(timedelta(minutes=10 + furthest)) for work in self.works}
        self.story: list[str] = []
        self.worker = Worker(on_settled=self._note_push)
        self.contents: dict[Work, tuple[type[Content], int]] = {}
        self._first_pull()

    def _clock_ahead(self, minutes: float) -> Callable[[], datetime]:
        return lambda: self.clock.show() + timedelta(minutes=minutes)

    def close(self) -> None:
        self.worker.__exit__(None, None, None)
        for side in (self.jellyfin, self.plex, self.kodi):
            side.fake.close()

    # The person

    def act(self) -> None:
        """The person does one thing somewhere, and then something else that leaves no trace."""
        work = self.random.choice([one for one in self.works if self._is_rested(one)])
        places = [side for side in self.sides if side.name not in self.is_down]
        where = self.random.choice([None, *places])
        deed = self.random.choices(["watch", "stop", "mark", "unwatch"], [5, 4, 1, 3])[0]
        self.do(deed, work, where)

    def do(self, kind: Kind, work: Work, where: Side | None, *, share: float | None = None) -> None:
        shown = where.shown(work) if where else self.ours(work)
        if (kind == "unwatch" and not shown.watched) or (kind == "mark" and shown.watched):
            return
        began, length = self.clock.show(), work.minutes * 60
        position = round(length * (share or self.random.uniform(0.1, 0.8)))
        self.clock.pass_({"watch": length, "stop": position}.get(kind, 5))
        is_known = self.ours(work).watched
        place = where.kind if where else ""
        self.records[work].note(kind, place, began, self.clock.show(), is_known=is_known)
        self.tell(
            f"{kind} {work.name} at {where.name if where else 'home'}",
            position if kind == "stop" else "",
        )
        if where is None:
            self._do_here(kind, work, position)
        else:
            began += timedelta(minutes=self.minutes_ahead[where.kind])
            {
                "watch": lambda: where.watch(work, began),
                "stop": lambda: where.stop(work, position, began),
                "mark": lambda: where.mark(work),
                "unwatch": lambda: where.unwatch(work),
            }[kind]()
        self.figures.acts += 1
        self.figures.most_pushes += len(self.sides) - (where is not None)
        self.clock.pass_(self.random.uniform(1800, 7200))

    def _is_rested(self, work: Work) -> bool:
        at = self.records[work].last_play
        rest = timedelta(minutes=work.minutes) + self.records[work].about
        return at is None or self.clock.show() - at > rest

    def _do_here(self, kind: str, work: Work, position: int) -> None:
        db.session.commit()
        begin_write()
        content, length = self.content(work), work.minutes * 60
        if kind == "watch":
            save_progress(
                self.user_id, content, position_seconds=length // 2, duration_seconds=length
            )
            save_progress(self.user_id, content, position_seconds=length, duration_seconds=length)
        elif kind == "stop":
            save_progress(self.user_id, content, position_seconds=position, duration_seconds=length)
        elif kind == "mark":
            mark_watched(self.user_id, content)
        else:
            mark_unwatched(self.user_id, content)
        db.session.commit()

    # What carries news, and what breaks

    def happen(self) -> None:
        """Something that is nobody's doing."""
        self.clock.pass_(self.random.uniform(1, 600))
        what = self.random.choices(
            [
                self.deliver_some,
                self.drain,
                self.pull_one,
                self.outage,
                self.die,
                self.lose_answers,
                self.have_second_thoughts,
            ],
            [8, 8, 4, 1, 1, 1, 2],
        )[0]
        what()

    def have_second_thoughts(self) -> None:
        """The person clicks here, and takes it back before anybody was told: whatever was owed is
        owed as before.
        """
        content = self.content(self.random.choice(self.works))
        progress = get_progress(self.user_id, content)
        click = mark_unwatched if progress and progress.watched else mark_watched
        db.session.commit()
        begin_write()
        click(self.user_id, content)
        undo(db.session.scalar(select(func.max(ChangeSet.id))))
        db.session.commit()

    def deliver_some(self) -> None:
        """Some of what was told arrives: late, in any order, some of it twice."""
        self._collect()
        self.random.shuffle(self.post)
        many = self.random.randint(0, len(self.post))
        arriving, self.post = self.post[:many], self.post[many:]
        for one in arriving:
            self._deliver(one)
            if self.random.random() < 0.2:
                self._deliver(one)
        db.session.commit()
        apply_events()

    def deliver_all(self) -> int:
        self._collect()
        arriving, self.post = self.post, []
        for one in arriving:
            self._deliver(one)
        db.session.commit()
        apply_events()
        return len(arriving)

    def drain(self) -> None:
        db.session.commit()
        self.figures.drains += 1
        self.worker.drain()
        self.worker.forget_connections()

    def pull_one(self) -> None:
        self.pull(self.random.choice(self.sides), is_sweep=self.random.random() < 0.5)

    def pull(self, side: Side, *, is_sweep: bool = False) -> str:
        if side is self.plex:
            for work in self.contents:
                if self.owes_mark(side, work):
                    self.records[work].hide_marks()
        db.session.commit()
        begin_write()
        # Of so few titles, what a person unwatches in an evening would wait for a word.
        pull_id = request_pull(self.sources[side.name], is_sweep=is_sweep, takes_removals=True).id
        db.session.commit()
        self.figures.pulls += 1
        try:
            report = run_pull(pull_id)
        except BackendError as error:
            return error.message
        assert report is not None
        assert report.held_back == 0
        for record in self.records.values():
            record.read(side.kind, everything=is_sweep)
        self.tell(f"pull {side.name}", report.news)
        return report.news

    def outage(self) -> None:
        side = self.random.choice(self.sides)
        if side.name in self.is_down:
            side.up()
            self.is_down.discard(side.name)
        else:
            side.down()
            self.is_down.add(side.name)
            self.figures.outages += 1
        self.tell("up" if side.name not in self.is_down else "down", side.name)

    def die(self) -> None:
        """A worker dies, after it has claimed or after it has pushed; another takes its place."""
        self.figures.deaths += 1
        db.session.commit()
        if self.random.random() < 0.5:
            begin_write()
            for source_id in self.sources.values():
                PlaybackSyncRepository().mark_syncing(source_id, limit=2)
            db.session.commit()
            self.tell("a worker dies after its claim")
        else:
            self._die_after_pushing()
        self._restart()
        self.clock.pass_(90)

    def _die_after_pushing(self) -> None:
        def no_more(_outcomes: object) -> None:
            raise WorkerDied

        settle, delivering.settle = delivering.settle, no_more
        try:
            self.worker.drain()
        except WorkerDied:
            db.session.rollback()
        finally:
            delivering.settle = settle
        self.tell("a worker dies after its pushes")

    def _restart(self) -> None:
        self.worker.__exit__(None, None, None)
        db.session.remove()
        self.worker = Worker(on_settled=self._note_push)

    def lose_answers(self) -> None:
        """Whatever is pushed arrives, and no answer comes back."""
        fake = self.random.choice([self.jellyfin.fake, self.plex.fake])
        lost = ("POST", "DELETE", "PUT")
        fake.loses_answers_to = lost
        try:
            self.drain()
        finally:
            fake.loses_answers_to = ()

    # The end

    def settle(self) -> int:
        """Everything is up and nothing more is done: how many rounds until nothing moves."""
        for side in self.sides:
            side.up()
        self.is_down.clear()
        for number in range(1, MOST_ROUNDS + 2):
            self.clock.pass_(7 * 3600)
            before = (self.figures.pushes, self.writes())
            delivered = self.deliver_all()
            news = [self.pull(side, is_sweep=True) for side in self.sides]
            self.drain()
            moved = (self.figures.pushes, self.writes()) != before
            if not delivered and not moved and set(news) == {"nothing new"} and not self.owed():
                self.figures.rounds = max(self.figures.rounds, number)
                return number
        return MOST_ROUNDS + 1

    def faults(self) -> Iterator[str]:
        """What should not be, once all is settled."""
        db.session.expire_all()
        self.figures.plays = db.session.scalar(select(func.count()).select_from(Play)) or 0
        self.figures.covered = sum(record.number_covered for record in self.records.values())
        for work, record in self.records.items():
            shown = {"here": self.ours(work)} | {side.name: side.shown(work) for side in self.sides}
            phantoms, lost = list(record.phantoms(self.plays(work))), list(record.lost())
            self.figures.phantoms += len(phantoms)
            self.figures.lost += len(lost)
            wrong = phantoms + lost
            if not _all_agree(shown.values()):
                wrong.append(f"the sides differ: {shown}")
            if not shown["here"].watched:
                wrong += record.wrongly_unwatched()
            yield from (f"{work.name}: {words}" for words in wrong)

    def plays(self, work: Work) -> list[datetime | None]:
        content = self.content(work)
        of = (
            Play.episode_id == content.id
            if isinstance(content, Episode)
            else Play.media_item_id == content.id
        )
        return list(db.session.scalars(select(Play.watched_at).where(of)))

    def ours(self, work: Work) -> Shown:
        progress = get_progress(self.user_id, self.content(work))
        if progress is None:
            return Shown(watched=False, position=0)
        return Shown(progress.watched, progress.position_seconds if progress.in_progress else 0)

    def owed(self) -> int:
        owed = (
            select(func.count())
            .select_from(QueuedChange)
            .where(QueuedChange.status != Status.SYNCED)
        )
        return db.session.scalar(owed) or 0

    def owes_mark(self, side: Side, work: Work) -> bool:
        kind, content_id = self.contents[work]
        row = QueuedChange
        query = select(row.id).where(
            (row.episode_id if kind is Episode else row.media_item_id) == content_id,
            row.source_id == self.sources[side.name],
            row.status != Status.SYNCED,
            row.completed.is_not(None),
        )
        return db.session.scalar(query) is not None

    def writes(self) -> int:
        self.figures.writes = sum(side.number_of_writes() for side in self.sides)
        return self.figures.writes

    def content(self, work: Work) -> Content:
        kind, content_id = self.contents[work]
        return db.session.get_one(kind, content_id)

    def story_of(self, faults: list[str]) -> str:
        """What happened to the works that these speak of."""
        names = {fault.partition(":")[0] for fault in faults}
        lines = [one for one in self.story if any(name in one for name in names) or " pull " in one]
        return "\n".join([*lines, *faults])

    def tell(self, *words: object) -> None:
        self.story.append(f"{self.clock.show():%d %H:%M:%S} " + " ".join(map(str, words)))

    def _note_push(self, outcome: Outcome) -> None:
        self.figures.pushes += outcome.failure is None
        delivery, wanted, failure = outcome.delivery, outcome.delivery.wanted, outcome.failure
        model = Episode if delivery.content.kind == "episode" else MediaItem
        content = (model, delivery.content.id)
        work = next(work for work, of in self.contents.items() if of == content)
        if delivery.source_id == self.sources[self.plex.name] and wanted.watched is not None:
            self.records[work].hide_marks()
        result = f"{failure.message} {failure.news or ''}" if failure else _in_short(outcome.states)
        asked = (
            f"{wanted.change_type} {wanted.watched} {wanted.position_ms} {wanted.at:%d %H:%M:%S}"
        )
        self.tell(f"push {work.name} to {delivery.source_id}: {asked} -> {result}")

    def _collect(self) -> None:
        for side in self.sides:
            self.post += [(side.name, one) for one in side.told]
            side.told.clear()

    def _deliver(self, one: tuple[str, dict[str, object]]) -> None:
        name, payload = one
        answer = self.client.post(f"/webhooks/{self.addresses[name]}", json=payload)
        assert answer.status_code == 202, answer.text
        self.figures.webhooks += 1
        said = {
            key: value
            for key, value in payload.items()
            if key not in ("Account", "Server", "Player")
        }
        self.tell("webhook", name, said)

    def _add_source(self, side: Side) -> Source:
        url, credentials, user_id = self._sign_in(side)
        source = add_server(side.name, kind=side.kind, url=url)
        name = "alice" if user_id else ""
        link_account(
            source, self.user_id, credentials, remote_user_id=user_id, remote_user_name=name
        )
        make_webhook(source)
        db.session.flush()
        return source

    def _sign_in(self, side: Side) -> tuple[str, dict[str, str], str]:
        """The address, the credentials and the person's id there."""
        if side is self.jellyfin:
            fake, user_id = self.jellyfin.fake, self.jellyfin.alice.id
            return (
                fake.url,
                {"token": fake.new_token(user_id, "mydia"), "user_id": user_id},
                user_id,
            )
        if side is self.plex:
            plex = self.plex.fake
            token = plex.tv.server_token(ALICE, plex.machine_id)
            kept = {"token": token, "user_id": str(ALICE), "server_id": plex.machine_id}
            return plex.url, kept, str(ALICE)
        return self.kodi.fake.url, self.kodi.fake.credentials, ""

    def _first_pull(self) -> None:
        for side in self.sides:
            assert "not recognised" not in self.pull(side)
        films = {one.title: one for one in db.session.scalars(select(MediaItem))}
        for work in self.works:
            if work.show:
                of = (
                    Episode.media_item_id == films[work.show].id,
                    Episode.episode_number == work.number,
                )
                self.contents[work] = (
                    Episode,
                    db.session.scalars(select(Episode.id).where(*of)).one(),
                )
            else:
                self.contents[work] = (MediaItem, films[work.name].id)


def _in_short(states: tuple[tuple[int, RemoteState], ...]) -> str:
    return " ".join(
        f"{one.watched} {one.position_ms} x{one.play_count} {one.last_played_at}"
        for _, one in states
    )


def _all_agree(shown: Iterable[Shown]) -> bool:
    sides = list(shown)
    positions = [one.position for one in sides]
    return len({one.watched for one in sides}) == 1 and max(positions) - min(positions) <= 2
