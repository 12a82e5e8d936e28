"""Pictures come from the user's servers, once, checked and small."""

import io
from collections.abc import Iterator
from datetime import timedelta

import pytest
from PIL import Image

from mydia_web.accounts.models import User
from mydia_web.backends.errors import BackendError
from mydia_web.db import db
from mydia_web.library.models import Artwork
from mydia_web.sources import artwork
from mydia_web.sources.models import Source
from tests.cast import add_server
from tests.conftest import Clock
from tests.fakes.kodi import FakeKodi

POSTER = "image://poster/"


def jpeg(width: int, height: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(out, "JPEG")
    return out.getvalue()


@pytest.fixture
def kodi() -> Iterator[FakeKodi]:
    with FakeKodi() as kodi:
        kodi.pictures[POSTER] = jpeg(1000, 1500)
        yield kodi


@pytest.fixture
def source(alice: User, kodi: FakeKodi) -> Source:
    return add_server("Kodi", alice, url=kodi.url)


@pytest.fixture
def key(source: Source) -> str:
    key = artwork.remember_artwork(source.id, POSTER)
    db.session.commit()
    return key


def fetch(key: str, width: int = 320) -> tuple[int, int]:
    picture = artwork.find_picture(key)
    assert picture is not None
    with Image.open(artwork.fetch_picture(picture, width)) as image:
        assert image.format == "WEBP"
        return image.size


def pictures_asked(kodi: FakeKodi) -> int:
    return len(kodi.headers)


def test_remembering_twice_keeps_one_row(source: Source) -> None:
    first = artwork.remember_artwork(source.id, POSTER)
    assert (
        artwork.remember_artwork(source.id, POSTER)
        == first
        == artwork.artwork_key(source.id, POSTER)
    )
    assert db.session.query(Artwork).count() == 1


def test_two_sources_may_name_their_pictures_alike(alice: User, source: Source) -> None:
    other = add_server("Bedroom", alice)
    assert artwork.remember_artwork(source.id, POSTER) != artwork.remember_artwork(other.id, POSTER)


def test_a_picture_is_made_small_in_its_shape(key: str) -> None:
    assert fetch(key) == (320, 480)


def test_all_widths_cost_one_fetch(key: str, kodi: FakeKodi) -> None:
    assert [fetch(key, width)[0] for width in artwork.WIDTHS] == list(artwork.WIDTHS)
    assert pictures_asked(kodi) == 1


def test_a_small_picture_is_not_blown_up(key: str, kodi: FakeKodi) -> None:
    kodi.pictures[POSTER] = jpeg(100, 150)
    assert fetch(key, 480) == (100, 150)


def test_what_is_no_picture_is_refused_in_words(key: str, kodi: FakeKodi) -> None:
    kodi.pictures[POSTER] = b"\xff\xd8\xff" + b"not really" * 100
    with pytest.raises(BackendError, match="cannot be read as a picture"):
        fetch(key)
    assert not artwork.cached_file(key, 320).exists()


def test_a_picture_of_too_many_pixels_is_never_unpacked(key: str, kodi: FakeKodi) -> None:
    out = io.BytesIO()
    Image.new("1", (12_000, 9_000)).save(out, "PNG")
    kodi.pictures[POSTER] = out.getvalue()
    with pytest.raises(BackendError):
        fetch(key)


def test_a_picture_that_failed_is_left_alone_for_ten_minutes(key: str, set_clock: Clock) -> None:
    artwork.note_failures([key])
    assert artwork.find_picture(key) is None
    set_clock.pass_(minutes=11)
    assert artwork.find_picture(key) is not None


def test_transparency_survives(key: str, kodi: FakeKodi) -> None:
    out = io.BytesIO()
    Image.new("RGBA", (40, 40), (0, 0, 0, 0)).save(out, "PNG")
    kodi.pictures[POSTER] = out.getvalue()
    picture = artwork.find_picture(key)
    assert picture is not None
    with Image.open(artwork.fetch_picture(picture, 160)) as image:
        assert image.mode == "RGBA"


def test_fetching_ahead_takes_what_is_missing_and_notes_what_failed(
    source: Source, kodi: FakeKodi
) -> None:
    kodi.pictures["image://other/"] = jpeg(30, 30)
    for url in (POSTER, "image://other/", "image://gone/"):
        artwork.remember_artwork(source.id, url)
    db.session.commit()
    assert artwork.fetch_ahead(10) == 2
    db.session.commit()
    asked = pictures_asked(kodi)
    assert artwork.fetch_ahead(10) == 0
    assert pictures_asked(kodi) == asked
    gone = db.session.query(Artwork).filter_by(url="image://gone/").one()
    assert gone.failed_at is not None


def test_fetching_ahead_stops_at_its_limit(source: Source, key: str, kodi: FakeKodi) -> None:
    kodi.pictures["image://other/"] = jpeg(30, 30)
    artwork.remember_artwork(source.id, "image://other/")
    db.session.commit()
    assert artwork.fetch_ahead(1) == 1
    assert artwork.fetch_ahead(5) == 1


def test_no_transaction_is_open_while_a_picture_is_fetched(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_while_fetching = []
    real = artwork.fetch_picture

    def watched(*asked: object) -> object:
        open_while_fetching.append(db.session().in_transaction())
        return real(*asked)  # type: ignore[arg-type]

    monkeypatch.setattr(artwork, "fetch_picture", watched)
    artwork.fetch_ahead(5)
    assert open_while_fetching == [False]


def test_a_picture_of_a_server_that_is_down_raises_in_words(key: str, kodi: FakeKodi) -> None:
    kodi.down()
    with pytest.raises(BackendError, match="Nothing answers"):
        fetch(key)


def test_a_stored_password_of_another_secret_key_means_no_picture(key: str, source: Source) -> None:
    source_account = artwork.accounts_of(source.id)[0]
    source_account.credentials = "of another key"
    db.session.commit()
    assert artwork.find_picture(key) is None


def test_the_pause_after_a_failure_is_ten_minutes() -> None:
    assert timedelta(minutes=10) == artwork.RETRY_AFTER
