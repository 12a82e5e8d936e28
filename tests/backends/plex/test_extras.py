"""What is being played, where a browser opens a title, and pictures."""

import pytest

from mydia_web.backends.errors import NotOnServer, Rejected, SignInRefused
from mydia_web.backends.plex import Plex
from mydia_web.backends.values import Connection, Playing, Target
from tests.backends.plex.conftest import Open, signed_in
from tests.fakes.plex import ALICE, BOB, CAROL, FakePlex

POSTER = "/library/metadata/1/thumb/1700000000"


def test_the_owner_is_told_what_everybody_plays(plex: FakePlex, backend: Plex) -> None:
    film = plex.add_movie("Sintel", minutes=15)
    song = plex.add("track", "A song", 3, duration=200_000)
    plex.sessions = [(film, ALICE, 60_000, False), (film, BOB, 0, True), (song, BOB, 0, False)]
    assert backend.playing() == [
        Playing(
            remote_id="1",
            title="Sintel",
            remote_user_id=str(ALICE),
            position_ms=60_000,
            duration_ms=900_000,
            paused=False,
            device="Living room TV",
        ),
        Playing(
            remote_id="1",
            title="Sintel",
            remote_user_id=str(BOB),
            position_ms=0,
            duration_ms=900_000,
            paused=True,
            device="Living room TV",
        ),
    ]


@pytest.mark.parametrize("refusal", [401, 403])
def test_nobody_else_is_told(plex: FakePlex, open_plex: Open, refusal: int) -> None:
    plex.not_for_you = refusal
    plex.sessions = [(plex.add_movie("Sintel"), CAROL, 60_000, False)]
    assert open_plex(signed_in(plex, CAROL)).playing() == ()


def test_a_refused_sign_in_is_not_silence(plex: FakePlex, open_plex: Open) -> None:
    with pytest.raises(SignInRefused):
        open_plex({"token": "no-such-token"}).playing()


def test_a_title_opens_in_plexs_own_app(plex: FakePlex, backend: Plex) -> None:
    link = Plex.web_link(
        Connection(plex.url, server_id=plex.machine_id), Target(remote_id="12", kind="movie")
    )
    path = "details?key=%2Flibrary%2Fmetadata%2F12"
    assert link == f"https://app.plex.tv/desktop/#!/server/{plex.machine_id}/{path}"
    assert plex.lines() == []


def test_without_the_servers_own_name_there_is_no_link(plex: FakePlex) -> None:
    assert Plex.web_link(Connection(plex.url), Target(remote_id="12", kind="movie")) == ""


def test_a_poster_is_fetched(plex: FakePlex, backend: Plex) -> None:
    plex.add_movie("Sintel")
    (page,) = backend.library()
    assert page.items[0].artwork_url == POSTER
    picture = backend.artwork(POSTER)
    assert (picture.content, picture.content_type) == (b"\xff\xd8\xff1", "image/jpeg")


def test_a_picture_that_is_gone_is_not_on_the_server(backend: Plex) -> None:
    with pytest.raises(NotOnServer):
        backend.artwork(POSTER)


def test_a_picture_needs_the_sign_in_too(plex: FakePlex, open_plex: Open) -> None:
    plex.add_movie("Sintel")
    assert open_plex({"token": "account-of-carol"}).artwork(POSTER).content
    with pytest.raises(SignInRefused, match="Link the account again"):
        open_plex({"token": "no-such-token"}).artwork(POSTER)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/:/scrobble?key=1&identifier=com.plexapp.plugins.library",
        "/:/unscrobble",
        "http://elsewhere.example/a.jpg",
        "//elsewhere.example/a.jpg",
        "/library/../:/unscrobble",
        "/library/%2e%2e/:/unscrobble",
        "/library/sections/1/refresh?force=1",
        "library/metadata/1/thumb/1",
    ],
)
def test_only_addresses_of_pictures_are_fetched(plex: FakePlex, backend: Plex, url: str) -> None:
    """At Plex a GET can change things."""
    with pytest.raises(Rejected):
        backend.artwork(url)
    assert plex.lines() == []
