"""Pictures: Kodi sends them without a type, and serves nothing else by this way."""

import pytest

from mydia_web.backends.errors import NotOnServer, Rejected, ServerTrouble, SignInRefused
from mydia_web.backends.kodi import Kodi
from tests.fakes.kodi import FakeKodi


def test_a_poster_comes_with_the_type_of_its_bytes(kodi: FakeKodi, backend: Kodi) -> None:
    film = kodi.add_movie("Amélie & the 100% café", year=2001)
    picture = backend.artwork(film.art["poster"])
    assert picture.content == kodi.pictures[film.art["poster"]]
    assert picture.content_type == "image/png"


def test_a_picture_that_is_gone_is_not_on_the_server(backend: Kodi) -> None:
    with pytest.raises(NotOnServer):
        backend.artwork("image://gone.jpg/")


@pytest.mark.parametrize("url", ["", "http://elsewhere.example/a.jpg", "../jsonrpc", "IMAGE://a/"])
def test_only_addresses_of_pictures_are_fetched(kodi: FakeKodi, backend: Kodi, url: str) -> None:
    with pytest.raises(Rejected):
        backend.artwork(url)
    assert not kodi.headers


def test_what_is_no_picture_is_refused(kodi: FakeKodi, backend: Kodi) -> None:
    kodi.pictures["image://a/"] = b"<html>"
    with pytest.raises(ServerTrouble, match="not a picture"):
        backend.artwork("image://a/")


def test_a_picture_needs_the_sign_in_too(kodi: FakeKodi, backend: Kodi) -> None:
    kodi.password = "changed"
    with pytest.raises(SignInRefused):
        backend.artwork("image://a/")
