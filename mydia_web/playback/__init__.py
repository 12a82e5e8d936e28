"""Watch state: every change of it goes through this package."""

from mydia_web.playback.acts import Act, Mark
from mydia_web.playback.continue_watching import continue_watching, up_next
from mydia_web.playback.history import history
from mydia_web.playback.progress import (
    delete_progress,
    list_user_progress,
    mark_unwatched,
    mark_watched,
    save_progress,
)
from mydia_web.playback.records import get_progress
from mydia_web.playback.shows import get_next_episode
from mydia_web.playback.undo import undo

__all__ = [
    "Act",
    "Mark",
    "continue_watching",
    "delete_progress",
    "get_next_episode",
    "get_progress",
    "history",
    "list_user_progress",
    "mark_unwatched",
    "mark_watched",
    "save_progress",
    "undo",
    "up_next",
]
