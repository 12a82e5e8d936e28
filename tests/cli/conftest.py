"""Commands run in this process, on the test's application. Alice's fake Kodi holds Sintel."""

from collections.abc import Callable, Iterator

import pytest
from click.testing import Result
from flask.testing import FlaskCliRunner

from mydia_web.accounts.models import User
from mydia_web.db import db
from mydia_web.library.models import MediaItem
from mydia_web.sources.models import Source
from tests.cast import add_copy, add_server
from tests.fakes.kodi import FakeKodi


@pytest.fixture
def run(runner: FlaskCliRunner) -> Callable[..., Result]:
    """Return a function that runs a command and raises what it did not handle."""

    def run_now(*words: str, **environment: str) -> Result:
        db.session.commit()
        result = runner.invoke(args=words, env=environment)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run_now


@pytest.fixture
def kodi() -> Iterator[FakeKodi]:
    with FakeKodi() as server:
        yield server


@pytest.fixture
def server(alice: User, film: MediaItem, kodi: FakeKodi) -> Source:
    source = add_server("Living room", alice, url=kodi.url)
    movie = kodi.add_movie("Sintel", year=2010, imdb="tt1727587", minutes=15)
    add_copy(source, film, f"movie:{movie.id}", movie.file)
    db.session.commit()
    return source
