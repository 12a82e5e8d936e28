"""A person who clicks, and notes what they were told: what the answers promise is what must be
there in the end.
"""

import http.client
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Literal, NamedTuple

SECONDS = 6000


class State(NamedTuple):
    """What is known of one film; None in its place: nothing."""

    position: int
    watched: bool

    @property
    def is_left_off(self) -> bool:
        return 60 <= self.position < SECONDS * 0.9

    @property
    def on_server(self) -> tuple[bool, int]:
        """The end of what was watched is no position to continue from."""
        return self.watched, self.position if self.is_left_off else 0


@dataclass(frozen=True)
class Click:
    kind: Literal["save", "mark", "unmark"]
    film: int
    position: int = 0

    def on(self, state: State | None) -> State | None:
        """What the state is after it."""
        if self.kind == "unmark":
            return None
        watched = state is not None and state.watched
        if self.kind == "save":
            return State(self.position, watched or self.position >= SECONDS * 0.9)
        return state if state and watched and not state.is_left_off else State(0, True)


Address = Callable[[], tuple[str, int] | None]


@dataclass
class Clicker:
    """Clicks at these films, one after the other, and knows for each what it can be now.

    That is one state after an answer, and two or more after a click whose answer was lost: it may
    have been done.
    """

    address: Address
    token: str
    films: list[int]
    seed: int = 1
    pause: float = 0.005
    #: Does a 5xx mean what it says, "nothing was changed"?
    believes_refusals: bool = True
    possible: dict[int, set[State | None]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    #: What should not have been answered.
    wrong: list[str] = field(default_factory=list)
    slowest: float = 0.0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self.possible = {film: {None} for film in self.films}

    def start(self, stop: Event) -> Thread:
        thread = Thread(target=self._run, args=(stop,), daemon=True)
        thread.start()
        return thread

    def click(self, click: Click | None = None) -> int:
        """One click; the status of its answer, 0 where there was none."""
        click = click or self._any()
        before = self.possible[click.film]
        after = {click.on(state) for state in before}
        began = time.monotonic()
        status, body = self._send(click)
        self.slowest = max(self.slowest, time.monotonic() - began)
        if status == 200:
            self.counts["answered"] += 1
            told = _state_told(body, click)
            if told not in after:
                self.wrong.append(f"{click} on {before} was answered with {body}")
            self.possible[click.film] = {told}
        elif status == -1:
            self.counts["not connected"] += 1
            time.sleep(0.02)
        elif status == 0 or (status >= 500 and not self.believes_refusals):
            self.counts["answer lost" if status == 0 else "refused"] += 1
            self.possible[click.film] = before | after
        else:
            self.counts["refused"] += 1
            if status != 503 or "error" not in body:
                self.wrong.append(f"{click} was answered with {status}: {body}")
        return max(status, 0)

    def _run(self, stop: Event) -> None:
        while not stop.is_set():
            self.click()
            time.sleep(self._random.uniform(0, 2 * self.pause))

    def _any(self) -> Click:
        film, chance = self._random.choice(self.films), self._random.random()
        if chance < 0.2:
            return Click("mark", film)
        if chance < 0.35:
            return Click("unmark", film)
        # Positions that say something: neither a false start nor between the end and the credits.
        position = (
            self._random.randint(5500, SECONDS) if chance < 0.4 else self._random.randint(60, 5300)
        )
        return Click("save", film, position)

    def _send(self, click: Click) -> tuple[int, dict[str, object]]:
        """Status and body; 0: sent, and no answer; -1: nobody was there to send it to."""
        address = self.address()
        if address is None:
            return -1, {}
        connection = http.client.HTTPConnection(*address, timeout=30)
        try:
            try:
                connection.connect()
            except OSError:
                return -1, {}
            method = "DELETE" if click.kind == "unmark" else "POST"
            path = f"/api/v1/playback/movie/{click.film}" + (
                "" if click.kind == "save" else "/watched"
            )
            body = {"position_seconds": float(click.position), "duration_seconds": float(SECONDS)}
            connection.request(
                method,
                path,
                json.dumps(body) if click.kind == "save" else None,
                {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
            )
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError):
            return 0, {}
        finally:
            connection.close()


def _state_told(body: dict[str, object], click: Click) -> State | None:
    if click.kind == "unmark":
        return None
    return State(int(str(body["position_seconds"])), bool(body["watched"]))


__all__ = ["SECONDS", "Click", "Clicker", "State"]
