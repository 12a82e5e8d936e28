"""Reading the account: what was watched and what is paused, whole or only what moved."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from mydia_web import clock
from mydia_web.backends.errors import ServerTrouble
from mydia_web.backends.trakt import mapping, state
from mydia_web.backends.trakt.api import Api
from mydia_web.backends.trakt.mapping import KINDS, NEVER, PLURAL
from mydia_web.backends.trakt.state import FULL, Plays
from mydia_web.backends.trakt.titles import Titles
from mydia_web.backends.values import ContentKind, LibraryPage

#: Our clock and Trakt's need not agree.
OVERLAP = timedelta(hours=1)
#: With more titles than this, reading the whole account takes fewer questions.
MOST_CHANGED = 50


def read_library(api: Api) -> Iterator[LibraryPage]:
    """`done` and `total` count titles, which come when all plays of their kind have been read.

    The total is told with the last kind: until then nobody knows how many titles that has.
    """
    before = 0
    for kind in KINDS:
        positions, problems = state.read_positions(api, kind)
        titles = Titles(kind, positions=positions)
        for page in api.pages(f"sync/history/{PLURAL[kind]}", extended=FULL):
            wrong = [*problems, *titles.add(page.rows), *page.problems]
            yield LibraryPage((), before + len(titles.numbers()), None, wrong)
            problems = ()
        before += len(titles.numbers())
        yield from titles.pages(before, before if kind == KINDS[-1] else None, problems)


def read_changes(api: Api, since: datetime) -> Iterator[LibraryPage] | None:
    """None: something moved that no question about a time tells, or too much did."""
    since -= OVERLAP
    activities = _activities(api)
    changed: list[tuple[Titles, Sequence[str]]] = []
    for kind in KINDS:
        watched_at, paused_at = (
            _stamp(activities, kind, name) for name in ("watched_at", "paused_at")
        )
        if max(watched_at, paused_at) > since:
            titles, problems = _changed(api, kind, since, has_plays=watched_at > since)
            if len(titles.plays) > MOST_CHANGED or (
                watched_at > since and not titles.explain(watched_at)
            ):
                return None
            changed.append((titles, problems))
    return _pages_of_changes(api, changed)


def _changed(
    api: Api, kind: ContentKind, since: datetime, *, has_plays: bool
) -> tuple[Titles, Sequence[str]]:
    """The titles that were played or paused since."""
    positions, problems = state.read_positions(api, kind)
    titles, wrong = Titles(kind, positions=positions), list(problems)
    if has_plays:
        for page in api.pages(
            f"sync/history/{PLURAL[kind]}", start_at=state.day_before(since), extended=FULL
        ):
            wrong += [*titles.add(page.rows), *page.problems]
    recent = {number for number, plays in titles.plays.items() if plays.last and plays.last > since}
    paused = {
        number: one.row for number, one in positions.items() if one.at is None or one.at > since
    }
    titles.plays = {
        number: titles.plays.get(number) or Plays(row=paused[number])
        for number in {*recent, *paused}
    }
    return titles, wrong


def _pages_of_changes(
    api: Api, changed: Sequence[tuple[Titles, Sequence[str]]]
) -> Iterator[LibraryPage]:
    done, total = 0, sum(len(titles.plays) for titles, _ in changed)
    if not changed:
        yield LibraryPage((), 0, 0)
    for titles, problems in changed:
        titles.positions = {
            number: one for number, one in titles.positions.items() if number in titles.plays
        }
        for number, plays in titles.plays.items():
            # What was read so far are only the plays of late.
            whole = state.read_plays(api, titles.kind, number)
            titles.plays[number] = replace(whole, row=plays.row)
        done += len(titles.plays)
        yield from titles.pages(done, total, problems)


def _activities(api: Api) -> Mapping[str, Any]:
    told = api.get("sync/last_activities").json()
    if not isinstance(told, dict):
        raise ServerTrouble(
            f"{api.place} answers, but not as Trakt does. Is this the right address?"
        )
    return told


def _stamp(activities: Mapping[str, Any], kind: ContentKind, name: str) -> datetime:
    """When that was last done to a title. What cannot be read is taken for something new."""
    of_kind = activities.get(PLURAL[kind])
    text = of_kind.get(name) if isinstance(of_kind, dict) else None
    return mapping.instant(text) or (
        NEVER if isinstance(text, str) and text.startswith("1970") else clock.now()
    )
