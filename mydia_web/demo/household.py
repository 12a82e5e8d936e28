"""Alex and Sam, and ten weeks of evenings, told to the domain as if they had just happened."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import groupby
from random import Random
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, update

from mydia_web.accounts.models import User
from mydia_web.accounts.users import add_user
from mydia_web.db import db
from mydia_web.demo.evenings import ALEX, IMPORTED, SAM, UNDATED, Sitting
from mydia_web.demo.library import Library
from mydia_web.demo.servers import BEDROOM, LIVING_ROOM, Servers
from mydia_web.library.models import Content
from mydia_web.playback.acts import Act, Mark
from mydia_web.playback.continue_watching import dismiss
from mydia_web.playback.models import ChangeSet, Play, PlaybackProgress, ShowProgress
from mydia_web.playback.progress import mark_watched
from mydia_web.sources.recipients import sources_to_tell

PASSWORD = "demo-demo"  # noqa: S105 - no secret: it is printed
ZONE = "Europe/Berlin"


@dataclass(frozen=True, slots=True)
class Watched:
    """A sitting with its hours, and through whom we know of it: a source's name, `web` or `player`."""

    sitting: Sitting
    content: Content
    begun: datetime
    ended: datetime
    via: str


def add_people() -> tuple[User, User]:
    return (
        add_user("alex", PASSWORD, is_admin=True, time_zone=ZONE),
        add_user("sam", PASSWORD, time_zone=ZONE),
    )


def live(alex: User, sam: User, library: Library, servers: Servers, at: datetime) -> None:
    """All that they watched up to `at`."""
    dice = Random("evenings")  # noqa: S311 - the same household every time
    _import_undated(alex, library)
    for user, sittings in ((alex, IMPORTED), (alex, ALEX), (sam, SAM)):
        told = _told(user, sittings, library, servers, at, dice)
        via_import = sittings is IMPORTED
        for via, group in groupby(told, key=lambda one: (one.sitting.days_ago, one.via)):
            _tell(user, list(group), "import" if via_import else via[1], servers)
    _give_up(alex, library, at)
    _date_back(at)
    _mark_now(alex, library, at)


def last_evening(at: datetime) -> datetime:
    """Midnight before the latest evening that is over."""
    local = at.astimezone(ZoneInfo(ZONE))
    day = local.date() if local.time() >= time(23, 45) else local.date() - timedelta(days=1)
    return datetime.combine(day, time(), ZoneInfo(ZONE))


def _import_undated(user: User, library: Library) -> None:
    with Act(user.id, "import") as act:
        for sitting in UNDATED:
            act.mark_watched(_content(sitting, library), Mark(date_unknown=True))


def _told(
    user: User,
    sittings: Sequence[Sitting],
    library: Library,
    servers: Servers,
    at: datetime,
    dice: Random,
) -> Iterator[Watched]:
    """The sittings with their hours, one after the other from the early evening on."""
    midnight = last_evening(at)
    for days_ago, group in groupby(sittings, key=lambda one: one.days_ago):
        evening = list(group)
        hour = 20.0 if len(evening) < 3 else max(13.0, 21.5 - 0.9 * len(evening))
        clock = (
            midnight
            - timedelta(days=days_ago)
            + timedelta(hours=hour, minutes=dice.randint(-35, 25))
        )
        for sitting in evening:
            content = _content(sitting, library)
            length = timedelta(seconds=(content.runtime_seconds or 3600) * (sitting.share or 0.97))
            begun, clock = clock, min(clock + length, at - timedelta(minutes=10))
            yield Watched(
                sitting, content, begun, clock, _via(user, sitting, content, servers, dice)
            )
            clock += timedelta(minutes=dice.randint(2, 14))


def _via(user: User, sitting: Sitting, content: Content, servers: Servers, dice: Random) -> str:
    """Where it was seen: mostly on a server that holds it; the Bedroom has not answered since
    yesterday.
    """
    there = {source.source_id for source in sources_to_tell(user.id, content)}
    living, bedroom = (
        servers.living_room.id in there,
        servers.bedroom.id in there and sitting.days_ago > 1,
    )
    wanted = sitting.on or dice.choices((LIVING_ROOM, BEDROOM, "web", "player"), (60, 24, 8, 8))[0]
    if (wanted == LIVING_ROOM and not living) or (wanted == BEDROOM and not bedroom):
        return LIVING_ROOM if living else "web"
    return "web" if wanted == "player" and not sitting.share else wanted


def _tell(user: User, evening: Sequence[Watched], via: str, servers: Servers) -> None:
    """One evening on one screen is one act."""
    from_source = via in (LIVING_ROOM, BEDROOM)
    source_id = servers.named(via).id if from_source else None
    with Act(user.id, "pull" if from_source else via, source_id=source_id) as act:
        for one in evening:
            _apply(act, one)


def _apply(act: Act, one: Watched) -> None:
    seconds = one.content.runtime_seconds or 3600
    share = one.sitting.share or (0.4 if one.sitting.again else None)
    if share:
        # What was seen before is only watched again once it has a position.
        act.save_progress(
            one.content,
            position_seconds=int(seconds * share),
            duration_seconds=seconds,
            at=one.ended if one.sitting.share else one.begun,
        )
    if not one.sitting.share:
        act.mark_watched(one.content, Mark(at=one.ended))


def _give_up(user: User, library: Library, at: datetime) -> None:
    """A film and a show that were not worth it."""
    dismiss(user.id, library.films["Orpheus, Minor"])
    tin_birds = library.shows["Tin Birds"].id
    own = (ShowProgress.user_id == user.id, ShowProgress.media_item_id == tin_birds)
    db.session.execute(update(ShowProgress).where(*own).values(dropped_at=at - timedelta(days=58)))


def _date_back(at: datetime) -> None:
    """Every act so far was made when its last play ended, not while this sample was built."""
    long_ago = at - timedelta(days=75)
    ended = (
        select(func.max(Play.watched_at))
        .where(Play.change_set_id == ChangeSet.id)
        .scalar_subquery()
    )
    seen = PlaybackProgress.last_watched_at
    db.session.execute(update(PlaybackProgress).values(inserted_at=seen, updated_at=seen))
    db.session.execute(update(Play).values(inserted_at=func.coalesce(Play.watched_at, long_ago)))
    db.session.execute(update(ChangeSet).values(created_at=func.coalesce(ended, long_ago)))


def _mark_now(user: User, library: Library, at: datetime) -> None:
    """Two clicks of a moment ago, still inside their undo window."""
    for title in ("A Parliament of Foxes", "The Marigold Protocol"):
        mark_watched(user.id, library.films[title], at=at, origin="web")


def _content(sitting: Sitting, library: Library) -> Content:
    if sitting.is_film:
        return library.films[sitting.title]
    return library.episodes[sitting.title, sitting.season, sitting.number]
