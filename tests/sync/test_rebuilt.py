"""A library that was rebuilt or renamed gets its watched state back: no server does that by
itself.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from mydia_web.accounts.models import User
from mydia_web.backends.values import Target
from mydia_web.db import begin_write, db
from mydia_web.library.models import MediaItem
from mydia_web.playback import get_progress, mark_watched, save_progress
from mydia_web.playback.continue_watching import continue_watching
from mydia_web.sources.accounts import get_source
from mydia_web.sources.linking import keep_sign_in, note_server, sign_in
from mydia_web.sources.models import Source, SourceItem
from mydia_web.sync.inbound.report import Report
from mydia_web.sync.inbound.run_pull import run_pull
from mydia_web.sync.pulls import request_pull
from tests.cast import episode_of
from tests.sync.household import Server

SEEN = datetime(2025, 5, 6, 7, 8, 9, tzinfo=UTC)
HALF_WAY = 40 * 60_000
KINDS = ("jellyfin", "emby", "plex", "kodi")
SHOW = "The Long Orbit"
#: What each title is after it, as (watched, position).
WATCHED, BEGUN, UNTOUCHED = (True, 0), (False, HALF_WAY), (False, 0)
EXPECTED = {
    "Heat": WATCHED,
    "Stalker": BEGUN,
    "Ran": WATCHED,
    "Persona": UNTOUCHED,
    "1x01": WATCHED,
    "1x02": WATCHED,
    "1x03": UNTOUCHED,
}


def fill(bench: Any, suffix: str = "") -> Mapping[str, Target]:
    """Films and episodes, some of which have ids; what has one may be called otherwise."""
    films = [
        *bench.add_movie(f"Heat{suffix}", year=1995, minutes=170, imdb="tt0113277"),
        *bench.add_movie(f"Stalker{suffix}", year=1979, minutes=162, imdb="tt0079944"),
        *bench.add_movie("Ran", year=1985, minutes=162),
        *bench.add_movie(f"Persona{suffix}", year=1966, minutes=84, imdb="tt0060827"),
    ]
    episodes = [
        bench.add_episode(SHOW, 1, number, tvdb=f"99100{number}" if number > 1 else "")
        for number in (1, 2, 3)
    ]
    return dict(zip(EXPECTED, [*films, *episodes], strict=True))


def shown(bench: Any, titles: Mapping[str, Target]) -> dict[str, tuple[bool, int]]:
    held = {name: bench.held(title) for name, title in titles.items()}
    return {name: (one.watched, _rounded(one.position_ms)) for name, one in held.items()}


def _rounded(position_ms: int) -> int:
    return round(position_ms / 60_000) * 60_000


def watch(bench: Any, titles: Mapping[str, Target]) -> None:
    for name in ("Heat", "Ran", "1x01", "1x02"):
        bench.person_watches(titles[name], SEEN)
    bench.person_stops_at(titles["Stalker"], HALF_WAY, SEEN)


def take_away(server: Server, titles: Iterable[Target]) -> None:
    """The server's database is made anew, with other ids, and knows nothing of what was played."""
    for title in titles:
        server.bench.remove(title)
    if get_source(server.source_id).kind == "kodi":
        server.fake.files.clear()
        # Kodi counts from 1 again: what comes next would have the ids of before.
        server.fake.add_movie("Something new", year=2024)
        server.bench.add_episode("Something new", 1, 1)
    elif get_source(server.source_id).kind == "jellyfin":
        # Its ids are made of paths.
        server.fake.films.name, server.fake.shows.name = "Cinema", "Series"
    server.bench._shows.clear()


@pytest.mark.parametrize("suffix", ["", " (Restored)"], ids=["the same names", "other names"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_server_whose_library_was_rebuilt_gets_it_back(household, kind, suffix):
    server: Server = household.add(kind)
    titles = fill(server.bench)
    watch(server.bench, titles)
    household.settle()
    take_away(server, titles.values())
    again = fill(server.bench, suffix)
    assert shown(server.bench, again) == dict.fromkeys(EXPECTED, UNTOUCHED)
    assert all(again[name].remote_id != title.remote_id for name, title in titles.items())
    household.settle()
    assert shown(server.bench, again) == EXPECTED


@pytest.mark.parametrize("kind", ["jellyfin", "emby"])
def test_a_server_made_anew_in_the_same_place_gets_it_back(household, alice, kind):
    """Its titles have the ids of before, made of paths; it has another id itself, and knows no
    sign-in of ours.
    """
    server: Server = household.add(kind)
    titles = fill(server.bench)
    watch(server.bench, titles)
    household.settle()
    for title in titles.values():
        server.bench.person_unwatches(title)
    server.fake.server_id = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
    signed_in = sign_in(kind, replace(server.bench.connection(), device_id="another"))
    note_server(get_source(server.source_id), signed_in.server.server_id)
    keep_sign_in(get_source(server.source_id), alice.id, signed_in.linked, signed_in.device_id)
    db.session.commit()
    household.settle()
    household.settle()
    assert shown(server.bench, titles) == EXPECTED


@pytest.mark.parametrize("kind", KINDS)
def test_a_large_library_gets_it_back_though_all_of_it_looks_gone(household, kind):
    """More copies than are forgotten at once without a person's word."""
    server: Server = household.add(kind)
    names = [f"Film {number}" for number in range(24)]
    titles = [
        server.bench.add_movie(name, imdb=f"tt55500{number:02}")[0]
        for number, name in enumerate(names)
    ]
    for title in titles:
        server.bench.person_watches(title, SEEN)
    household.settle()
    take_away(server, titles)
    again = [
        server.bench.add_movie(name, imdb=f"tt55500{number:02}")[0]
        for number, name in enumerate(names)
    ]
    household.settle()
    household.settle()
    assert [server.bench.held(title).watched for title in again] == [True] * len(again)


@pytest.fixture
def read_folder(
    alice: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Report]:
    """Read a folder that holds these files, and nothing else."""
    monkeypatch.setenv("PATH", "/nowhere")
    source = Source(kind="folder", name="Disk", base_url=str(tmp_path))
    db.session.add(source)
    db.session.commit()
    source_id = source.id

    def reading(*files: str) -> Report:
        for old in [one for one in tmp_path.rglob("*") if one.is_file()]:
            old.unlink()
        for name in files:
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("not a video")
        db.session.commit()
        begin_write()
        pull_id = request_pull(source_id, is_sweep=True).id
        db.session.commit()
        report = run_pull(pull_id)
        assert report is not None
        db.session.expire_all()
        return report

    return reading


def test_a_folder_that_was_renamed_keeps_it(alice, read_folder):
    """A folder shows nothing; what was watched is ours, and stands with the file by its new
    name.
    """
    read_folder(
        "Heat (1995).mkv",
        "Stalker (1979).mkv",
        "Garden Party.mkv",
        "Orbit/Season 1/Orbit S01E01.mkv",
    )
    heat, stalker, party = (
        db.session.query(MediaItem).filter_by(title=one).one()
        for one in ("Heat", "Stalker", "Garden Party")
    )
    show = db.session.query(MediaItem).filter_by(title="Orbit").one()
    episode = episode_of(show, 1, 1)
    for content in (heat, party, episode):
        mark_watched(alice.id, content)
    save_progress(alice.id, stalker, position_seconds=2400, duration_seconds=9720)
    read_folder(
        "Films/H/Heat.1995.1080p.BluRay/Heat.1995.1080p.mkv",
        "Films/Stalker (1979)/Stalker (1979).mkv",
        "Films/Garden Party.mkv",
        "Shows/Orbit/Staffel 1/orbit.s01e01.720p.mkv",
    )
    copies = {
        row.media_item_id or -(row.episode_id or 0): row.path
        for row in db.session.scalars(select(SourceItem))
    }
    assert {one: Path(path).name for one, path in copies.items()} == {
        heat.id: "Heat.1995.1080p.mkv",
        stalker.id: "Stalker (1979).mkv",
        party.id: "Garden Party.mkv",
        -episode.id: "orbit.s01e01.720p.mkv",
    }
    assert all(get_progress(alice.id, content).watched for content in (heat, party, episode))
    assert [card.content_id for card in continue_watching(alice.id)] == [stalker.id]
