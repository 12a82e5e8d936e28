"""Alex and Sam, and the servers they watch on: what these hold, and what their pulls brought."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from mydia_web.accounts.models import User
from mydia_web.accounts.users import add_user
from mydia_web.db import db
from mydia_web.demo.library import Library
from mydia_web.library.models import Content, MediaItem
from mydia_web.sources.accounts import add_source, link_account
from mydia_web.sources.models import Pull, Source, SourceItem, UnmatchedItem
from mydia_web.sync.inbound.report import Report

PASSWORD = "demo-demo"  # noqa: S105 - no secret: it is printed
ZONE = "Europe/Berlin"
LIVING_ROOM = "Living room"
BEDROOM = "Bedroom"
NAS = "Films on the NAS"
NO_ANSWER = (
    "Nothing answers at 127.0.0.1:48082. Is Kodi running, and may it be controlled over HTTP?"
)

_FOLDERS = {
    LIVING_ROOM: "smb://shelf/media",
    BEDROOM: "nfs://shelf/media",
    NAS: "/mnt/nas/films",
}


class _PastPull(NamedTuple):
    source: str
    ago: timedelta
    report: Report


class _Unmatched(NamedTuple):
    source: str
    title: str
    reason: str


_PULLS = (
    _PastPull(
        LIVING_ROOM,
        timedelta(days=70),
        Report(done=186, total=186, watched=61, positions=2, unmatched=1),
    ),
    _PastPull(
        LIVING_ROOM, timedelta(hours=26), Report(done=212, total=212, watched=2, positions=1)
    ),
    _PastPull(
        LIVING_ROOM,
        timedelta(hours=2),
        Report(done=213, total=213, watched=3, positions=1, unmatched=2),
    ),
    _PastPull(LIVING_ROOM, timedelta(minutes=32), Report(done=213, total=213, unmatched=2)),
    _PastPull(BEDROOM, timedelta(days=70), Report(done=151, total=151, watched=48, owed=13)),
    _PastPull(NAS, timedelta(days=69), Report(done=13, total=13, unmatched=2)),
    _PastPull(
        NAS,
        timedelta(hours=3),
        Report(done=19, total=19, unmatched=2, problems=["Home Videos/tape 3.avi: no video in it"]),
    ),
)
_LAST_BEDROOM_PULL = Report(done=162, total=162, watched=1, positions=1)
_FAILED_BEDROOM_PULLS = (timedelta(hours=3), timedelta(minutes=36))

_UNMATCHED = (
    _Unmatched(
        LIVING_ROOM,
        "Aurora",
        "There are 2 titles like it, and it has no id that tells which it is.",
    ),
    _Unmatched(
        LIVING_ROOM,
        "Concert recording 14",
        "The server does not say which season and episode it is.",
    ),
    _Unmatched(
        NAS, "Holiday 2019 - part 2.mp4", "The server does not say which show it belongs to."
    ),
    _Unmatched(
        NAS,
        "Folding Season",
        "There is a film of this title, but this one has neither a year nor an id.",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Household:
    """The people, their library and their servers at one moment."""

    at: datetime
    library: Library
    alex: User
    sam: User
    living_room: Source
    bedroom: Source
    nas: Source

    @property
    def sources(self) -> dict[str, Source]:
        return {LIVING_ROOM: self.living_room, BEDROOM: self.bedroom, NAS: self.nas}

    @property
    def last_evening(self) -> datetime:
        """Midnight before the latest evening that is over."""
        local = self.at.astimezone(ZoneInfo(ZONE))
        day = local.date()
        if local.time() < time(23, 45):
            day -= timedelta(days=1)
        return datetime.combine(day, time(), ZoneInfo(ZONE))

    @property
    def down_since(self) -> datetime:
        """When the Bedroom stopped answering."""
        return (self.last_evening - timedelta(hours=7)).astimezone(UTC)


def add_household(library: Library, at: datetime) -> Household:
    """Add the people and their servers, as these are at that moment."""
    home = Household(
        at=at,
        library=library,
        alex=add_user("alex", PASSWORD, is_admin=True, time_zone=ZONE),
        sam=add_user("sam", PASSWORD, time_zone=ZONE),
        living_room=add_source("kodi", LIVING_ROOM, "http://127.0.0.1:48081"),
        bedroom=add_source("kodi", BEDROOM, "http://127.0.0.1:48082"),
        nas=add_source("folder", NAS, _FOLDERS[NAS]),
    )
    of_alex = {"username": "kodi", "password": "invented"}
    of_sam = {"username": "sam", "password": "invented"}
    link_account(home.living_room, home.alex.id, of_alex)
    link_account(home.bedroom, home.alex.id, of_alex)
    link_account(home.living_room, home.sam.id, of_sam)
    link_account(home.nas, home.alex.id, {})
    _add_copies(home)
    _add_unmatched(home)
    _set_health(home)
    _add_pulls(home)
    db.session.flush()
    return home


def _add_copies(home: Household) -> None:
    for number, (content, initials) in enumerate(home.library.copies, start=1):
        remote_id = f"{content.content_kind}:{number}"
        for name, source in home.sources.items():
            if name[0] not in initials:
                continue
            item = SourceItem(source_id=source.id, remote_id=remote_id)
            item.set_content(content)
            item.path = f"{_FOLDERS[name]}/{_file(content)}"
            db.session.add(item)


def _file(content: Content) -> str:
    if isinstance(content, MediaItem):
        name = content.title
        if content.year:
            name = f"{content.title} ({content.year})"
        return f"{name}/{name}.mkv"
    show = content.show.title
    season = content.season_number
    return f"{show}/Season {season}/{show} - {content.code} - {content.title}.mkv"


def _add_unmatched(home: Household) -> None:
    for number, row in enumerate(_UNMATCHED):
        source_id = home.sources[row.source].id
        item = UnmatchedItem(source_id=source_id, remote_id=f"unknown:{number}", title=row.title)
        item.reason = row.reason
        db.session.add(item)


def _set_health(home: Household) -> None:
    home.living_room.last_ok_at = home.at - timedelta(seconds=40)
    home.nas.last_ok_at = home.at - timedelta(hours=3)
    bedroom = home.bedroom
    bedroom.last_ok_at = home.down_since
    bedroom.last_error_at = home.at - timedelta(minutes=6)
    bedroom.last_error = NO_ANSWER
    bedroom.failure_count = 9
    bedroom.pause_reason = "down"
    bedroom.paused_until = home.at + timedelta(minutes=9)


def _add_pulls(home: Household) -> None:
    for source, ago, report in _PULLS:
        _add_pull(home.sources[source], home.at - ago, report)
    _add_pull(home.bedroom, home.down_since - timedelta(seconds=20), _LAST_BEDROOM_PULL)
    for ago in _FAILED_BEDROOM_PULLS:
        failed = _add_pull(home.bedroom, home.at - ago, Report())
        failed.status = "failed"
        failed.message = NO_ANSWER


def _add_pull(source: Source, requested_at: datetime, report: Report) -> Pull:
    seconds = 2 + report.done // 12
    pull = Pull(source_id=source.id, requested_at=requested_at)
    pull.finished_at = requested_at + timedelta(seconds=seconds)
    pull.moved_at = pull.finished_at
    pull.status = "done"
    pull.message = report.message
    pull.done = report.done
    pull.total = report.total
    db.session.add(pull)
    return pull
