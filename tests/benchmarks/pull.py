"""Measure three pulls of a large library, two of which find nothing new.

Run it by `python -m tests.benchmarks.pull`.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from multiprocessing import Pipe, Process
from multiprocessing.connection import Connection as Channel
from pathlib import Path
from typing import Any

from mydia_web.accounts.users import add_user
from mydia_web.backends.values import Connection
from mydia_web.db import begin_write, db
from mydia_web.sources.accounts import add_source, link_account
from mydia_web.sources.registry import open_backend
from tests.benchmarks.household import Household, household
from tests.benchmarks.report import table
from tests.fakes.emby import FakeEmby
from tests.fakes.jellyfin import FakeJellyfin
from tests.fakes.mediabrowser import FakeServer, Reply, Request

EPISODES_OF_A_SHOW = 100
#: One title in this many was watched.
WATCHED = 3
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
#: Tables in which a pull notes that it took place.
OF_THE_PULL_ITSELF = {"pulls", "sources", "source_accounts"}
_HERE = Path(__file__).parents[2]


def measure(database: str, kind: str, *, films: int, episodes: int, profile: str = "") -> None:
    with _server(kind, films, episodes) as (url, user_id, token), household(database) as home:
        source_id = _link(kind, url, user_id, token)
        title = f"Pulling {films:,} films and {episodes:,} episodes of a {kind.title()}, {database}"
        columns = (
            *("pull", "time", "titles a second", "CPU", "CPU a title"),
            *("peak memory", "SQL statements", "rows written"),
        )
        with table(title, *columns) as row:
            for words in ("first", "second", "third"):
                figures = _pull(home, source_id, profile and f"{profile}.{words}")
                rows = {
                    name: many
                    for name, many in figures["written"].items()
                    if name not in OF_THE_PULL_ITSELF
                }
                row(
                    words,
                    f"{figures['seconds']:.0f} s",
                    f"{(films + episodes) / figures['seconds']:,.0f}",
                    f"{figures['cpu']:.1f} s",
                    f"{1000 * figures['cpu'] / (films + episodes):.2f} ms",
                    f"{figures['peak_mib']:.0f} MiB",
                    f"{figures['statements']:,}",
                    f"{sum(rows.values()):,}",
                )
                print(f"<!-- {json.dumps(figures)} -->")


def _pull(home: Household, source_id: int, profile: str) -> dict[str, Any]:
    """Pull in a process of its own, whose memory is that of the pull alone."""
    db.session.remove()
    command = [
        sys.executable,
        "-m",
        "tests.benchmarks.puller",
        str(source_id),
        *filter(None, [profile]),
    ]
    done = subprocess.run(
        command, env=home.environment, cwd=_HERE, check=True, stdout=subprocess.PIPE, text=True
    )
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _link(kind: str, url: str, user_id: str, token: str) -> int:
    begin_write()
    user, source = add_user("alice", "correct horse"), add_source(kind, "Attic", url)
    link_account(source, user.id, {"token": token}, remote_user_id=user_id)
    source_id: int = source.id
    db.session.commit()
    return source_id


class Remembering(FakeServer):
    """A server that remembers its listings: what is measured is who reads them."""

    @cached_property
    def remembered(self) -> dict[str, Reply]:
        return {}

    def answer(self, request: Request) -> Reply:
        if not request.path.endswith("/Items"):
            return super().answer(request)
        if request.target not in self.remembered:
            self.remembered[request.target] = super().answer(request)
        return self.remembered[request.target]


class QuickJellyfin(Remembering, FakeJellyfin):
    pass


class QuickEmby(Remembering, FakeEmby):
    pass


@contextmanager
def _server(kind: str, films: int, episodes: int) -> Iterator[tuple[str, str, str]]:
    """Run a server in a process of its own; yield its address, alice's id and her token."""
    ours, theirs = Pipe()
    process = Process(target=_serve, args=(kind, theirs, films, episodes), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.kill()
        process.join()


def _serve(kind: str, channel: Channel, films: int, episodes: int) -> None:
    server = QuickJellyfin() if kind == "jellyfin" else QuickEmby()
    alice = server.add_person("alice")
    titles = [
        server.add_movie(f"Film {n}", year=1950 + n % 70, imdb=f"tt{n + 1:07}", tmdb=str(n + 1))
        for n in range(films)
    ]
    for n in range(0, episodes, EPISODES_OF_A_SHOW):
        show = server.add_show(f"Show {n}", year=2000 + n % 20, tvdb=str(n + 1), imdb=f"tt9{n:06}")
        for number in range(min(EPISODES_OF_A_SHOW, episodes - n)):
            season, episode = divmod(number, 10)
            titles.append(
                server.add_episode(show, season, episode, tvdb=str(1_000_000 + n + number))
            )
    for n, title in enumerate(titles):
        if n % WATCHED == 0:
            server.watch(alice, title, LONG_AGO + timedelta(minutes=n))
    token = server.new_token(alice.id, "mydia-web")
    list(
        open_backend(
            kind, Connection(server.url, credentials={"token": token}, remote_user_id=alice.id)
        ).library()
    )
    server.exchanges.clear()
    channel.send((server.url, alice.id, token))
    channel.recv()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.pull", description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--kind", choices=("jellyfin", "emby"), default="jellyfin")
    parser.add_argument("--films", type=int, default=10_000)
    parser.add_argument("--episodes", type=int, default=50_000)
    parser.add_argument("--profile", default="", help="write profiles to files of this name")
    options = parser.parse_args()
    measure(
        options.database,
        options.kind,
        films=options.films,
        episodes=options.episodes,
        profile=options.profile,
    )
