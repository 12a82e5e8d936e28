"""What one person leaves behind in years of watching."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import insert

from mydia_web.accounts.models import User
from mydia_web.db import db
from mydia_web.library.models import Episode, MediaItem
from mydia_web.playback.models import Play, PlaybackProgress, ShowProgress
from mydia_web.queue.models import QueuedChange
from tests.cast import add_copy, add_server

START = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
_EPISODES, _YEARS = 10, timedelta(days=2000)


def live_long(user: User, *, films: int, shows: int, plays: int, owed: int) -> None:
    """So many films and shows under way, plays in the years before 2026, and changes that a server
    is owed.
    """
    film_ids = _add(
        [
            {
                "type": "movie",
                "title": f"A film with a name of usual length {n}",
                "sort_title": f"{n:05}",
            }
            for n in range(films)
        ]
    )
    show_ids = _add(
        [{"type": "show", "title": f"A show {n}", "sort_title": f"{n:05}"} for n in range(shows)]
    )
    numbers = [
        {
            "media_item_id": show_id,
            "season_number": 1,
            "episode_number": number,
            "title": "An episode",
        }
        for show_id in show_ids
        for number in range(1, _EPISODES + 1)
    ]
    episode_ids = list(db.session.scalars(insert(Episode).returning(Episode.id), numbers))
    _begin_films(user.id, film_ids)
    _begin_shows(user.id, show_ids, episode_ids)
    _play(user.id, film_ids, episode_ids, plays)
    _owe(user, film_ids, owed)
    db.session.commit()


def _add(titles: list[dict[str, str]]) -> list[int]:
    return list(db.session.scalars(insert(MediaItem).returning(MediaItem.id), titles))


def _begin_films(user_id: int, film_ids: list[int]) -> None:
    common = {
        "user_id": user_id,
        "position_seconds": 600,
        "duration_seconds": 3000,
        "completion_percentage": 20,
        "in_progress": True,
    }
    rows = [
        {**common, "media_item_id": film_id, "last_watched_at": START - timedelta(minutes=n)}
        for n, film_id in enumerate(film_ids)
    ]
    db.session.execute(insert(PlaybackProgress), rows)


def _begin_shows(user_id: int, show_ids: list[int], episode_ids: list[int]) -> None:
    rows = [
        {
            "user_id": user_id,
            "media_item_id": show_id,
            "state": "continue" if n % 2 else "next",
            "next_episode_id": episode_ids[n * _EPISODES],
            "last_activity_at": START - timedelta(minutes=n),
        }
        for n, show_id in enumerate(show_ids)
    ]
    db.session.execute(insert(ShowProgress), rows)


def _play(user_id: int, film_ids: list[int], episode_ids: list[int], plays: int) -> None:
    rows = [
        {
            "user_id": user_id,
            "media_item_id": film_ids[n % len(film_ids)] if n % 3 else None,
            "episode_id": None if n % 3 else episode_ids[n % len(episode_ids)],
            "watched_at": START - _YEARS * n / plays if n % 50 else None,
            "origin": "import",
        }
        for n in range(plays)
    ]
    db.session.execute(insert(Play), rows)


def _owe(user: User, film_ids: list[int], owed: int) -> None:
    kodi = add_server("Kodi in the living room", user)
    for film_id in film_ids[:200]:
        add_copy(kodi, db.session.get_one(MediaItem, film_id))
    common = {
        "user_id": user.id,
        "source_id": kodi.id,
        "change_type": "mark_watched",
        "intent_at": START,
        "origin": "web",
        "next_attempt_at": START,
    }
    rows = [{**common, "media_item_id": film_id} for film_id in film_ids[:owed]]
    db.session.execute(insert(QueuedChange), rows)
