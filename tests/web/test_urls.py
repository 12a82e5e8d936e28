"""Links from a pattern are what `url_for` makes; addresses of films and episodes are one route."""

import pytest
from flask import Flask, url_for

from mydia_web.web.frame.urls import link


@pytest.mark.parametrize(
    ("endpoint", "name", "value", "fixed", "address"),
    [
        ("items.content", "content_id", 7, {"kind": "movie"}, "/movies/7"),
        ("items.content", "content_id", 7, {"kind": "episode"}, "/episodes/7"),
        ("items.mark", "content_id", 7, {"kind": "movie"}, "/movies/7/watched"),
        ("items.unmark", "content_id", 7, {"kind": "episode"}, "/episodes/7/unwatched"),
        ("watch.dismiss_card", "content_id", 7, {"kind": "movie"}, "/continue/movie/7/dismiss"),
        ("items.show", "show_id", 7, {}, "/shows/7"),
        ("queue.retry", "row_id", 7, {}, "/queue/7/retry"),
        ("artwork.picture", "key", "0a1b", {}, "/artwork/0a1b"),
    ],
)
@pytest.mark.parametrize("root", ["", "/films"])
def test_a_link_is_what_url_for_makes(app: Flask, endpoint, name, value, fixed, address, root):
    with app.test_request_context("/", environ_overrides={"SCRIPT_NAME": root}):
        for _ in range(2):
            assert link(endpoint, value, **fixed) == f"{root}{address}"
        assert url_for(endpoint, **{name: value}, **fixed) == f"{root}{address}"


def test_links_that_differ_in_a_fixed_part_are_kept_apart(app: Flask):
    with app.test_request_context("/"):
        kinds = ("movie", "episode", "movie")
        links = [link("items.content", 7, kind=kind) for kind in kinds]
    assert links == ["/movies/7", "/episodes/7", "/movies/7"]


@pytest.mark.parametrize("kind", ["movies", "episodes", "shows"])
def test_an_id_beyond_any_database_leads_nowhere(app: Flask, kind):
    adapter = app.url_map.bind("")
    assert adapter.test(f"/{kind}/{10**17}", method="GET")
    assert not adapter.test(f"/{kind}/{10**18}", method="GET")
