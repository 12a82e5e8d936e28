"""Another client's view of an account, in a process of its own: PyTrakt knows one account.

Takes the address, the app's id, a token, and what to do; writes JSON.
"""

import json
import sys
from datetime import UTC, datetime
from typing import Any

from trakt import core
from trakt.movies import Movie
from trakt.sync import add_to_history, get_playback, search_by_id
from trakt.tv import TVEpisode
from trakt.users import User


def read() -> dict[str, Any]:
    paused = [
        (one.type, one.trakt, one.progress)
        for kind in ("movies", "episodes")
        for one in get_playback(kind)
    ]
    found = search_by_id("tt1727587", id_type="imdb", media_type="movie")
    return {
        "films": [
            (film.title, film.plays, film.last_watched_at)
            for film in User("alice", name="Alice").watched_movies
        ],
        "shows": [(show.title, show.plays) for show in User("alice", name="Alice").watched_shows],
        "paused": paused,
        "found": [film.title for film in found],
    }


def write() -> dict[str, Any]:
    seen = datetime(2026, 11, 18, 20, 0, tzinfo=UTC)
    add_to_history({"movies": [{"ids": {"trakt": 1}, "watched_at": seen}]})
    return {}


def pause() -> dict[str, Any]:
    TVEpisode("Harbour Lights", 1, 1, show_id=1, ids={"trakt": 1}).scrobble(
        0, "1", "2026-11-21"
    ).pause(25)
    return {}


def scrobble() -> dict[str, Any]:
    Movie("Sintel", year=2010, ids={"trakt": 1}).scrobble(0, "1", "2026-11-21").stop(95)
    return {}


if __name__ == "__main__":
    url, core.CLIENT_ID, core.OAUTH_TOKEN, act = sys.argv[1:]
    core.BASE_URL, core.CONFIG_PATH = f"{url}/", "/nonexistent"
    print(json.dumps({"read": read, "write": write, "pause": pause, "scrobble": scrobble}[act]()))
