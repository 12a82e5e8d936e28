"""The sample servers: what they hold, who is signed in, how they are, and what their pulls brought."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from mydia_web.accounts.models import User
from mydia_web.db import db
from mydia_web.demo.library import Library
from mydia_web.library.models import Content, Episode
from mydia_web.sources.accounts import add_source, link_account
from mydia_web.sources.models import Pull, Source, SourceItem, UnmatchedItem
from mydia_web.sync.inbound.report import Report

LIVING_ROOM, BEDROOM, NAS = "Living room", "Bedroom", "Films on the NAS"
OUT_OF_REACH = (
    "Nothing answers at 127.0.0.1:48082. Is Kodi running, and may it be controlled over HTTP?"
)

_NAS_FOLDER = "/mnt/nas/films"
_UNMATCHED = (
    (LIVING_ROOM, "Aurora", "There are 2 titles like it, and it has no id that tells which it is."),
    (
        LIVING_ROOM,
        "Concert recording 14",
        "The server does not say which season and episode it is.",
    ),
    (NAS, "Holiday 2019 - part 2.mp4", "The server does not say which show it belongs to."),
    (
        NAS,
        "Folding Season",
        "There is a film of this title, but this one has neither a year nor an id.",
    ),
)


@dataclass(frozen=True, slots=True)
class Servers:
    living_room: Source
    bedroom: Source
    nas: Source

    def named(self, name: str) -> Source:
        return next(one for one in (self.living_room, self.bedroom, self.nas) if one.name == name)


def add_servers(
    library: Library, alex: User, sam: User, at: datetime, down_since: datetime
) -> Servers:
    """The servers as they are at `at`; the Bedroom has not answered since `down_since`."""
    servers = Servers(
        add_source("kodi", LIVING_ROOM, "http://127.0.0.1:48081"),
        add_source("kodi", BEDROOM, "http://127.0.0.1:48082"),
        add_source("folder", NAS, _NAS_FOLDER),
    )
    for source in (servers.living_room, servers.bedroom):
        link_account(source, alex.id, {"username": "kodi", "password": "invented"})
    link_account(servers.living_room, sam.id, {"username": "sam", "password": "invented"})
    link_account(servers.nas, alex.id, {})
    _add_copies(servers, library)
    _set_health(servers, at, down_since)
    _add_pulls(servers, at, down_since)
    for number, (name, title, reason) in enumerate(_UNMATCHED):
        row = UnmatchedItem(
            source_id=servers.named(name).id, remote_id=f"unknown:{number}", title=title
        )
        row.reason = reason
        db.session.add(row)
    db.session.flush()
    return servers


def _add_copies(servers: Servers, library: Library) -> None:
    holders = {"L": servers.living_room, "B": servers.bedroom, "N": servers.nas}
    for number, (letters, content) in enumerate(library.contents(), start=1):
        for letter in letters:
            item = SourceItem(
                source_id=holders[letter].id, remote_id=f"{content.content_kind}:{number}"
            )
            item.media_item_id, item.episode_id = (
                (None, content.id) if isinstance(content, Episode) else (content.id, None)
            )
            item.path = f"{_folder(letter)}/{_file(content, library)}"
            db.session.add(item)


def _folder(letter: str) -> str:
    return {"L": "smb://shelf/media", "B": "nfs://shelf/media", "N": _NAS_FOLDER}[letter]


def _file(content: Content, library: Library) -> str:
    if not isinstance(content, Episode):
        name = f"{content.title} ({content.year})" if content.year else content.title
        return f"{name}/{name}.mkv"
    show = next(one for one in library.shows.values() if one.id == content.media_item_id)
    return f"{show.title}/Season {content.season_number}/{show.title} - {content.code} - {content.title}.mkv"


def _set_health(servers: Servers, at: datetime, down_since: datetime) -> None:
    servers.living_room.last_ok_at = at - timedelta(seconds=40)
    servers.nas.last_ok_at = at - timedelta(hours=3)
    down = servers.bedroom
    down.last_ok_at, down.last_error_at = down_since, at - timedelta(minutes=6)
    down.last_error, down.failure_count = OUT_OF_REACH, 9
    down.pause_reason, down.paused_until = "down", at + timedelta(minutes=9)


def _add_pulls(servers: Servers, at: datetime, down_since: datetime) -> None:
    living, bedroom, nas = servers.living_room.id, servers.bedroom.id, servers.nas.id
    _add_pull(
        living, at - timedelta(days=70), Report(186, 186, watched=61, positions=2, unmatched=1)
    )
    _add_pull(living, at - timedelta(hours=26), Report(212, 212, watched=2, positions=1))
    _add_pull(
        living, at - timedelta(hours=2), Report(213, 213, watched=3, positions=1, unmatched=2)
    )
    _add_pull(living, at - timedelta(minutes=32), Report(213, 213, unmatched=2))
    _add_pull(bedroom, at - timedelta(days=70), Report(151, 151, watched=48, owed=13))
    _add_pull(bedroom, down_since - timedelta(seconds=20), Report(162, 162, watched=1, positions=1))
    _add_pull(bedroom, at - timedelta(hours=3), Report(), failed=OUT_OF_REACH)
    _add_pull(bedroom, at - timedelta(minutes=36), Report(), failed=OUT_OF_REACH)
    _add_pull(nas, at - timedelta(days=69), Report(13, 13, unmatched=2))
    unreadable = ["Home Videos/tape 3.avi: no video in it"]
    _add_pull(nas, at - timedelta(hours=3), Report(19, 19, unmatched=2, problems=unreadable))


def _add_pull(source_id: int, at: datetime, report: Report, *, failed: str = "") -> None:
    took = timedelta(seconds=2 + report.done // 12)
    pull = Pull(source_id=source_id, requested_at=at, moved_at=at + took, finished_at=at + took)
    pull.status, pull.message = ("failed", failed) if failed else ("done", report.message)
    pull.done, pull.total = report.done, report.total
    db.session.add(pull)
