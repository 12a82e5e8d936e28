"""The threads of the web server that deliver, pull, apply events and listen."""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from threading import Event, Thread

from sqlalchemy import exists, not_, select

from mydia_web import config
from mydia_web.backends.errors import BackendError
from mydia_web.clock import now
from mydia_web.config import AppContext
from mydia_web.db import begin_write, db
from mydia_web.playback.airing import days_begun
from mydia_web.playback.shows import refresh_aired
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.queue.wakeup import WakeUp
from mydia_web.sources.artwork import fetch_ahead
from mydia_web.sources.health import is_paused
from mydia_web.sources.models import Pull, Source
from mydia_web.sync.ahead import cut_times_ahead, has_times_ahead
from mydia_web.sync.inbound.inbox import watch_inbox
from mydia_web.sync.inbound.listen import watch_servers
from mydia_web.sync.inbound.run_pull import reclaim_lost_pulls, run_pull
from mydia_web.sync.outbound.delivery import Outcome
from mydia_web.sync.outbound.worker import Worker
from mydia_web.sync.pulls import open_pulls, request_pull

log = logging.getLogger(__name__)

#: How often a worker looks without being woken.
POLL_SECONDS = 5.0
#: How many pictures are fetched ahead of the pages that show them, between two looks for pulls.
PICTURES_AT_A_TIME = 24
#: How often times that a wrong clock has written are looked for, in seconds.
LOOK_AT_CLOCKS_EVERY = 60.0
#: Somewhere a day begins every quarter of an hour.
NEW_DAY_EVERY = timedelta(minutes=15)
#: The shortest pause: a due row cannot be claimed while other workers use its source fully.
LEAST_SECONDS = 0.2


def watch_queue(
    stop: Event,
    *,
    poll: float = POLL_SECONDS,
    source_ids: Sequence[int] | None = None,
    on_settled: Callable[[Outcome], None] = lambda _outcome: None,
) -> None:
    """Deliver whatever becomes due until `stop` is set."""
    looked_at = -LOOK_AT_CLOCKS_EVERY
    with Worker(source_ids=source_ids, on_settled=on_settled) as worker, WakeUp() as wake_up:
        while not stop.is_set():
            looked_at = _cut_times_ahead(looked_at)
            worker.drain(stop=stop)
            worker.forget_connections()
            pause = _until_due(poll)
            db.session.remove()
            wake_up.wait(stop, pause)


def watch_pulls(stop: Event, *, interval: float = 1.0) -> None:
    """Run pulls as they are requested or fall due, until `stop` is set."""
    refreshed = now() - timedelta(days=7)
    pictures_missing = True
    looked_at = -LOOK_AT_CLOCKS_EVERY
    while not stop.is_set():
        looked_at = _cut_times_ahead(looked_at)
        refreshed = _refresh_aired(refreshed)
        reclaim_lost_pulls()
        _request_due_pulls()
        requested = [pull.id for pull in open_pulls() if pull.status == "requested"]
        db.session.rollback()
        for pull_id in requested:
            if not stop.is_set():
                _run(pull_id, stop)
                pictures_missing = True
        if pictures_missing:
            pictures_missing = fetch_ahead(PICTURES_AT_A_TIME) > 0
            db.session.commit()
        db.session.remove()
        stop.wait(interval)


def _refresh_aired(since: datetime) -> datetime:
    """Update shows for people whose day has begun since then; return up to when that is done."""
    until = now()
    if until - since < NEW_DAY_EVERY:
        return since
    begun = days_begun(since, until)
    db.session.rollback()
    if begun:
        begin_write()
        refresh_aired(*begun)
        db.session.commit()
    return until


def _cut_times_ahead(looked_at: float) -> float:
    """Cut times that a wrong clock has written, once a minute; return when that was done last."""
    at = time.monotonic()
    if at - looked_at < LOOK_AT_CLOCKS_EVERY:
        return looked_at
    is_wrong = has_times_ahead()
    db.session.rollback()
    if is_wrong:
        begin_write()
        cut_times_ahead()
        db.session.commit()
    return at


def _until_due(poll: float) -> float:
    """Return the seconds until a row is due on a source that is not paused, `poll` at most."""
    at = now()
    until = at + timedelta(seconds=poll)
    query = select(Source).where(Source.enabled, Source.pause_reason.is_distinct_from("operator"))
    for source in db.session.scalars(query).all():
        due_at = PlaybackSyncRepository().next_due(source.id)
        if due_at is None:
            continue
        if is_paused(source) and source.paused_until is not None:
            due_at = max(due_at, source.paused_until)
        until = min(until, due_at)
    return max(LEAST_SECONDS, (until - at).total_seconds())


def keep_going(watch: Callable[[Event], None], stop: Event, app_context: AppContext) -> None:
    """Watch until `stop` is set, and start again after any error."""
    while not stop.is_set():
        try:
            with app_context():
                watch(stop)
        except Exception:  # a full disk or a restarted database must not end delivery for good
            log.exception("%s stopped by an error; it starts again in 5 s", watch.__name__)
            stop.wait(5)


#: What must run somewhere beside the deliveries; running in several processes does no harm.
READERS: Sequence[Callable[[Event], None]] = (watch_pulls, watch_inbox)


class Service:
    """The threads of a running web server, or the given ones of them."""

    def __init__(
        self, app_context: AppContext, watches: Sequence[Callable[[Event], None]] | None = None
    ) -> None:
        self._stop = Event()
        if watches is None:
            watches = _all_watches(app_context)
        self._threads = [
            Thread(
                target=keep_going,
                args=(watch, self._stop, app_context),
                name=watch.__name__,
                daemon=True,
            )
            for watch in watches
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: float = 20) -> None:
        """Let what is in flight finish, for at most `timeout` seconds each."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout)


def _all_watches(app_context: AppContext) -> Sequence[Callable[[Event], None]]:
    with app_context():
        listens = config.settings().listen
    if listens:
        return (watch_queue, *READERS, watch_servers)
    return (watch_queue, *READERS)


def _run(pull_id: int, stop: Event) -> None:
    try:
        run_pull(pull_id, stop=stop)
    except BackendError as error:
        log.info("pull %s: %s", pull_id, error.message)


def _request_due_pulls() -> None:
    interval = config.settings().pull_interval
    if not interval:
        return
    at = now()
    was_ever_pulled = exists().where(Pull.source_id == Source.id)
    was_pulled_lately = exists().where(
        Pull.source_id == Source.id,
        Pull.requested_at > at - timedelta(seconds=interval),
        # A request dated in the future was made while a clock was wrong.
        Pull.requested_at <= at,
    )
    due = select(Source.id).where(Source.enabled, was_ever_pulled, not_(was_pulled_lately))
    source_ids = db.session.scalars(due).all()
    db.session.rollback()
    for source_id in source_ids:
        begin_write()
        request_pull(source_id)
        db.session.commit()
