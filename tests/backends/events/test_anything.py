"""The answer to any payload is an event or a refusal in words."""

import os
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mydia_web.backends.errors import BadPayload
from mydia_web.backends.events.reading import KINDS, parse, read
from mydia_web.backends.values import Event
from tests.backends.events.payloads import FOLDER, payload

# An everyday run tries the same examples each time; `HYPOTHESIS_PROFILE=long pytest` goes looking
# for new ones.
IS_LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
tries = settings(
    max_examples=1000 if IS_LONG else 60, deadline=None, derandomize=not IS_LONG, database=None
)
kinds = st.sampled_from(KINDS)
content_types = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            "application/json",
            "text/plain",
            "multipart/form-data; boundary=x",
            "multipart/form-data",
            "multipart/form-data; boundary=é",
            "multipart/form-data; boundary=" + "x" * 500,
            "application/x-www-form-urlencoded",
        ]
    ),
)


def names(value: Any) -> set[str]:
    if isinstance(value, list):
        return set().union(*map(names, value))
    return set(value).union(*map(names, value.values())) if isinstance(value, dict) else set()


def words(value: Any) -> set[str]:
    if isinstance(value, dict | list):
        return set().union(*map(words, value.values() if isinstance(value, dict) else value))
    return {value} if isinstance(value, str) else set()


SEEN = [payload(path.name) for path in FOLDER.glob("*.json")]
surrogates = st.text(st.characters(), max_size=20)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    surrogates,
    st.sampled_from(sorted(set().union(*map(words, SEEN)))),
    st.sampled_from(
        [
            "movie",
            "watched",
            "progress",
            "playing",
            "9" * 400,
            "-0",
            "1-",
            "1e9",
            "0001-01-01T00:00:00Z",
        ]
    ),
)
keys = st.one_of(
    surrogates, st.sampled_from(sorted({"user", "ids", "show", "at"}.union(*map(names, SEEN))))
)
anything = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=8)),
    max_leaves=40,
)


def check(read_it: Callable[[], Event]) -> None:
    """Check what callers count on; only a refusal in words may be raised."""
    try:
        event = read_it()
    except BadPayload as refused:
        event = Event(action="other", name=str(refused))
    item = event.item
    if event.action in ("test", "other"):
        assert item is None or event.action == "other"
    else:
        assert item is not None
        assert item.state is not None
        assert 0 <= item.state.position_ms < 2**31
        assert event.tells_watched or event.action != "played"
        assert item.season_number is None or 0 <= item.season_number < 2**31
        assert item.show is None or item.kind == "episode"
        assert all(map(str.isprintable, item.external_ids.values()))
    assert event.at is None or event.at.utcoffset().total_seconds() == 0
    for text in (
        event.name,
        event.server_id,
        event.remote_user_id,
        event.device,
        item.title if item else "",
    ):
        assert "\x00" not in text.encode("utf-8").decode()


@tries
@given(kinds, st.dictionaries(keys, anything, max_size=12))
def test_any_json_object(kind, value):
    check(lambda: parse(kind, value))


@st.composite
def altered(draw: st.DrawFn) -> Any:
    """A real payload with some of it replaced."""

    def change(value: Any) -> Any:
        if draw(st.integers(0, 12)) == 0:
            return draw(anything)
        if isinstance(value, dict):
            return {name: change(inner) for name, inner in value.items()}
        return [change(inner) for inner in value] if isinstance(value, list) else value

    return {
        name: change(inner)
        for name, inner in draw(
            st.sampled_from([one for one in SEEN if isinstance(one, dict)])
        ).items()
    }


@tries
@given(kinds, altered())
def test_altered_payloads(kind, value):
    check(lambda: parse(kind, value))


@tries
@given(kinds, content_types, st.one_of(st.binary(), st.text().map(str.encode)))
def test_any_bytes(kind, content_type, body):
    check(lambda: read(kind, content_type, body))


@tries
@given(
    kinds, st.binary(), st.binary(max_size=30), st.sampled_from([b"payload", b"data", b"\xff", b""])
)
def test_any_bytes_in_a_form(kind, content, header, name):
    body = (
        b'--x\r\nContent-Disposition: form-data; name="'
        + name
        + b'"\r\n'
        + header
        + b"\r\n\r\n"
        + content
        + b"\r\n--x--"
    )
    check(lambda: read(kind, "multipart/form-data; boundary=x", body))
