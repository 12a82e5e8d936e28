"""A crowd at one show ends as if all had come one after the other, and nobody is turned away."""

from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from mydia_web.db import db
from tests.databases import Cluster
from tests.playback.crowd import PEOPLE, crowd

DEADLOCK = "40P01"


@pytest.mark.postgresql
@pytest.mark.parametrize("acts", [6, pytest.param(60, marks=pytest.mark.chaos)])
def test_who_marks_unmarks_and_undoes_at_once_beside_pulls_and_deliveries(
    cluster: Cluster, tmp_path: Path, acts: int
) -> None:
    with crowd(cluster, tmp_path) as everybody:
        everybody.acts(acts, seed=11)
        assert everybody.answers == {200: PEOPLE * acts}
        assert everybody.failures[DEADLOCK] == 0
        everybody.check_rows()
        everybody.check_next_episode()
        db.session.rollback()
        for _ in range(2):
            everybody.drain()
            everybody.pull()
        everybody.drain()
        assert everybody.watched_there() == [everybody.watched_here()] * 2
        url = everybody.app.config["SETTINGS"].database_url
    assert _deadlocks(cluster, url) == 0


def _deadlocks(cluster: Cluster, url: str) -> int:
    """Return how many deadlocks the server has ended in this database, by its own count.

    Other tests have databases of their own on the same server.
    """
    query = text("SELECT deadlocks FROM pg_stat_database WHERE datname = :name")
    engine = create_engine(cluster.url("postgres"))
    with engine.connect() as connection:
        number = connection.scalar(query, {"name": make_url(url).database})
    engine.dispose()
    return int(number)
