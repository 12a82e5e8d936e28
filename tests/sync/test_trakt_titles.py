"""What Trakt tells of a title in ways of its own: by two ids, or by a share of a length it does not
know.
"""

from datetime import timedelta

import pytest

from mydia_web.accounts.models import User
from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.playback import get_progress, mark_watched
from tests.sync.household import Household, heat, plays_of


@pytest.mark.parametrize("minutes", [170, None])
def test_a_pause_of_unknown_length_is_the_same_share_of_the_length_that_is_known(
    household: Household, alice: User, minutes: int | None
) -> None:
    trakt = household.add("trakt")
    if minutes:
        household.add("jellyfin").has_heat()
        household.servers[-1].pull()
    film = trakt.bench.trakt.add_movie("Heat", year=1995, imdb="tt0113277", minutes=None)
    trakt.bench.trakt.alice.pause(film, 40.0, now() - timedelta(hours=1))
    trakt.pull()
    progress = get_progress(alice.id, heat())
    assert progress is not None
    assert (progress.completion_percentage, progress.watched) == (40.0, False)
    assert progress.duration_seconds == (minutes or 120) * 60
    assert trakt.pull().positions == 0


def test_of_two_ids_of_one_film_one_is_told_and_the_other_left_alone(
    household: Household, alice: User
) -> None:
    trakt = household.add("trakt")
    account = trakt.bench.trakt.alice
    one = trakt.bench.trakt.add_movie("Heat", year=1995, imdb="tt0113277", minutes=170)
    other = trakt.bench.trakt.add_movie("Heat", year=1995, imdb="tt0113277", minutes=170)
    account.watch(one, now() - timedelta(days=9))
    account.pause(other, 40.0, now() - timedelta(days=2))
    trakt.pull()
    db.session.commit()
    mark_watched(alice.id, heat(), again=True)
    db.session.commit()
    for _ in range(3):
        household.drain()
        trakt.pull()
    assert len(account.plays_of(one)) == 2
    assert account.plays_of(other) == []
    assert account.pause_of(other) is not None
    assert len(plays_of(alice, heat())) == 2
