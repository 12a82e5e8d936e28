"""The sample household that `mydia-web demo` shows: everything in it is invented."""

from mydia_web.clock import now
from mydia_web.db import begin_write
from mydia_web.demo.evenings import play_evenings
from mydia_web.demo.household import PASSWORD, add_household
from mydia_web.demo.library import add_library, add_pictures
from mydia_web.demo.outbox import settle_queue

__all__ = ["PASSWORD", "build"]


def build() -> None:
    """Fill an empty database with the household. The caller commits."""
    begin_write()
    at = now()
    library = add_library(at)
    home = add_household(library, at)
    play_evenings(home)
    settle_queue(home)
    add_pictures(library, home.living_room.id)
