"""JSON is found in any wrapping; anything else is refused in words."""

import json
from urllib.parse import urlencode

import pytest

from mydia_web.backends.errors import BadPayload
from mydia_web.backends.events.reading import KINDS, LARGEST_BODY, read
from tests.backends.events.payloads import body

JELLYFIN, EMBY = "made.jellyfin.PlaybackStop.movie.json", "made.emby.playback.stop.movie.json"
PLEX, TAUTULLI = "made.plex.media.scrobble.movie.json", "tautulli.episode.plexagent.shinkro.json"
OURS = b'{"event": "watched", "type": "movie", "title": "Heat", "year": 1995}'
SENT = {
    "jellyfin": body(JELLYFIN),
    "emby": body(EMBY),
    "plex": body(PLEX),
    "tautulli": body(TAUTULLI),
    "generic": OURS,
}
#: With all that might be taken for the end of a part.
PICTURE = b"\xff\xd8\xff\r\n--\r\n--frontier\x00\n" * 3000


def form(*parts: tuple[str, bytes, str]) -> bytes:
    """Parts of name, content and file name."""
    text = b""
    for name, content, file in parts:
        file = (
            f'; filename="{file}"\r\nContent-Type: image/jpeg'
            if file
            else "\r\nContent-Type: application/json"
        )
        text += (
            f'--fr0ntier\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode()
        )
        text += content + b"\r\n"
    return text + b"--fr0ntier--\r\n"


FORM = "multipart/form-data; boundary=fr0ntier"


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain; charset=utf-8", "", "nonsense"]
)
@pytest.mark.parametrize("kind", KINDS)
def test_json_is_found_whatever_its_type_is_said_to_be(kind, content_type):
    plain = read(kind, "application/json", SENT[kind])
    assert plain.item is not None
    assert read(kind, content_type, SENT[kind]) == plain
    assert read(kind, "application/x-www-form-urlencoded", b"\n " + SENT[kind]) == plain
    assert read(kind, content_type, b"\xef\xbb\xbf" + SENT[kind]) == plain


@pytest.mark.parametrize("field", ["payload", "data"])
@pytest.mark.parametrize("kind", KINDS)
def test_json_is_found_in_a_form(kind, field):
    plain = read(kind, "application/json", SENT[kind])
    parts = form((field, SENT[kind], ""), ("thumb", PICTURE, "thumb.jpg"))
    assert read(kind, FORM, parts) == plain
    assert read(kind, FORM, form(("thumb", PICTURE, "thumb.jpg"), (field, SENT[kind], ""))) == plain
    coded = urlencode({"other": "1", field: SENT[kind].decode()}).encode()
    assert read(kind, "application/x-www-form-urlencoded; charset=utf-8", coded) == plain


def refusal(kind: str, content_type: str, sent: bytes) -> str:
    with pytest.raises(BadPayload) as refused:
        read(kind, content_type, sent)
    assert refused.value.status == 400
    return refused.value.message


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("content_type", "sent", "words"),
    [
        ("", b"", "is empty"),
        ("application/json", b" \r\n", "is empty"),
        (FORM, form(("payload", b"", "")), "is empty"),
        ("text/html", b"<!doctype html><title>Sign in</title>", "web page"),
        ("application/json", b"[1, 2]", "JSON object"),
        ("application/json", b'"event"', "JSON object"),
        ("application/json", b'{"event": "wat', "cut short"),
        ("application/json", b"event=watched", "cut short"),
        ("application/json", b'{"a":' * 100_000, "cut short"),
        ("application/json", b'{"event": ' + b"9" * 5000 + b"}", "cut short"),
        ("application/json", b"{}", "Compare the settings"),
        ("application/json", b'{"hello": "world"}', "Compare the settings"),
        (FORM, form(("other", b"{}", "")), "neither"),
        (FORM, form(("payload", b"{}", "payload.json")), "neither"),
        (FORM, form(*(("a", b"1", ""),) * 60), "damaged"),
        (FORM, b"\r\n" * 1_000_000, "damaged"),
        (FORM, b"--fr0ntier\r\n" + b"A: b\r\n" * 100_000, "damaged"),
        (FORM, form(("payload", b'{"a": "' + b"1" * 1_000_000 + b'"}', "")), "larger than 1 MB"),
        ("application/x-www-form-urlencoded", b"payload=" + b"%25" * 400_000, "larger than 1 MB"),
        (FORM, b"--fr0ntier\r\nno header ends here", "damaged"),
        ("multipart/form-data", form(("payload", OURS, "")), "damaged"),
        ("application/x-www-form-urlencoded", b"event=watched", "neither"),
        ("application/x-www-form-urlencoded", b"a=1&" * 60, "too many"),
        ("application/json", b"{" + b" " * LARGEST_BODY + b"}", "larger than 10 MB"),
        ("application/json", b"{" + b" " * 1_000_000 + b"}", "larger than 1 MB"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(kind, content_type, sent, words):
    assert words in refusal(kind, content_type, sent)


@pytest.mark.parametrize("sender", KINDS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_payload_of_another_kind_is_refused_by_name(kind, sender):
    if kind == sender:
        return
    sent = (
        SENT[sender].replace(b"media.scrobble", b"tautulli.watched")
        if sender == "tautulli"
        else SENT[sender]
    )
    message = refusal(kind, "application/json", sent)
    names = {"jellyfin": "Jellyfin's", "emby": "Emby", "plex": "Plex", "tautulli": "Tautulli"}
    if sender in names:
        assert message.startswith(f"This is what {names[sender]}")
    else:
        assert "Compare the settings" in message


def test_strange_text_does_not_lose_the_news():
    sent = (
        b'{"event": "watched", "type": "movie", '
        b'"title": "Am\xe9lie\nline \\ud800 \\u0000", "year": NaN}'
    )
    event = read("generic", "", sent)
    assert (event.item.title, event.item.year) == ("Am�lie\nline ?", None)


@pytest.mark.parametrize("kind", KINDS)
def test_no_single_strange_field_loses_the_news(kind):
    plain = read(kind, "", SENT[kind])
    for strange in ([], {}, "¿", -1, 1e300, 10**30, True, None, "\ud800", {"id": [[[1]]]}):
        for path in paths(json.loads(SENT[kind])):
            if path[-1] in NEEDED:
                continue
            sent = json.loads(SENT[kind])
            inner = sent
            for name in path[:-1]:
                inner = inner[name]
            inner[path[-1]] = strange
            event = read(kind, "", json.dumps(sent).encode())
            assert event.action == plain.action, (path, strange)
            assert event.item.kind == plain.item.kind


#: What is happening, and to what kind of thing.
NEEDED = {"event", "Event", "NotificationType", "PlayedToCompletion"}
NEEDED |= {"type", "Type", "ItemType", "Item", "Metadata", "title"}


def paths(value: object, above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(value, dict):
        return []
    return [
        path for name in value for path in [(*above, name), *paths(value[name], (*above, name))]
    ]
