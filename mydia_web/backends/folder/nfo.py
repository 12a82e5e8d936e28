"""NFO files: what Kodi, Jellyfin and others wrote beside a video, read without trusting it."""

import codecs
import html.entities
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from mydia_web.backends.folder import ids

RecordKind = Literal["movie", "tvshow", "episodedetails"]

LARGEST = 1024 * 1024
_KINDS: dict[str, RecordKind] = {
    "movie": "movie",
    "tvshow": "tvshow",
    "episodedetails": "episodedetails",
}
_OPENING = re.compile(r"<(movie|tvshow|episodedetails)(?=[\s>])")
_DECLARED = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
#: An & that begins no reference; CDATA holds what it likes.
_AMPERSAND = re.compile(
    r"(?P<cdata><!\[CDATA\[.*?\]\]>)|&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});)(?:(?P<name>[A-Za-z][A-Za-z0-9]{1,31});)?",
    re.DOTALL,
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class NfoError(Exception):
    """The NFO file cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class Record:
    """One film, show or episode of an NFO file. A file of several episodes has several."""

    kind: RecordKind
    title: str = ""
    year: int | None = None
    ids: Mapping[str, str] = field(default_factory=dict)
    runtime_seconds: int | None = None
    #: From the file itself and not from a catalogue: exact.
    measured_seconds: int | None = None
    air_date: date | None = None
    show_title: str = ""
    season: int | None = None
    episode: int | None = None


@dataclass(frozen=True, slots=True)
class Nfo:
    """All that an NFO file says. `linked_ids` are from links, which may be all it holds."""

    records: tuple[Record, ...] = ()
    linked_ids: Mapping[str, str] = field(default_factory=dict)


def read(file: Path) -> Nfo:
    """Read an NFO file; raises `NfoError`. Text of a release group is no error: it only says
    nothing.
    """
    try:
        with file.open("rb") as opened:
            content = opened.read(LARGEST + 1)
    except OSError as error:
        raise NfoError(error.strerror or "it cannot be opened") from error
    if len(content) > LARGEST:
        raise NfoError("it is larger than 1 MiB")
    return parsed(content)


def parsed(content: bytes) -> Nfo:
    if not _is_xml(content):
        return Nfo((), ids.in_addresses(content.decode("ascii", "ignore")))
    text = _decoded(content)
    if "<!DOCTYPE" in text.upper() or "<!ENTITY" in text.upper():
        raise NfoError("it declares entities, which may be an attack")
    roots = list(_roots(text))
    if not roots:
        raise NfoError("its XML is cut short")
    return Nfo(tuple(_record(kind, root) for kind, root in roots), ids.in_addresses(_outside(text)))


def _is_xml(content: bytes) -> bool:
    return content.startswith(_UTF_16) or any(f"<{kind}".encode() in content for kind in _KINDS)


def _decoded(content: bytes) -> str:
    """The text, in the encoding it names; without a name in UTF-8 or, where it cannot be that,
    Windows'.
    """
    encoding = "utf-16" if content.startswith(_UTF_16) else "utf-8-sig"
    declared = _DECLARED.search(content, 0, 1024)
    if declared and encoding != "utf-16" and not content.startswith(codecs.BOM_UTF8):
        encoding = declared[1].decode("ascii")
    if encoding.lower() in ("utf-8", "utf8", "utf-8-sig"):
        return _in_utf_8(content)
    try:
        return content.decode(encoding)
    except (LookupError, UnicodeError) as error:
        raise NfoError(f"it is not text in {encoding}") from error


def _in_utf_8(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeError:
        # Many write what their Windows has, and call it UTF-8. The ids in it are ASCII.
        return content.decode("cp1252", "replace")


def _mended(text: str) -> str:
    """Return the text with what breaks XML but is meant as text: a bare &, HTML's names of letters,
    control signs.
    """
    return _AMPERSAND.sub(_letter, _CONTROL.sub("", text))


def _letter(found: re.Match[str]) -> str:
    if found["cdata"]:
        return found["cdata"]
    name = found["name"]
    if name is None:
        return "&amp;"
    letters = html.entities.html5.get(f"{name};")
    return escape(letters) if letters is not None else f"&amp;{name};"


def _roots(text: str) -> Iterator[tuple[RecordKind, ElementTree.Element]]:
    """Each record on its own: Kodi writes several roots into one file, and others write links after
    them.
    """
    at = 0
    while opening := _OPENING.search(text, at):
        closing = f"</{opening[1]}>"
        end = text.find(closing, opening.end())
        if end < 0:
            return
        at = end + len(closing)
        try:
            yield _KINDS[opening[1]], ElementTree.fromstring(_mended(text[opening.start() : at]))  # noqa: S314 - no DOCTYPE, ≤ 1 MiB
        except (ElementTree.ParseError, ValueError) as error:
            raise NfoError(f"its XML is broken ({error})") from error


def _outside(text: str) -> str:
    """The lines after the last record, where links to a title's page stand."""
    return text[text.rfind("</") :]


def _record(kind: RecordKind, root: ElementTree.Element) -> Record:
    aired = _date(_text(root, "aired", "premiered", "releasedate"))
    return Record(
        kind=kind,
        title=_text(root, "title"),
        year=_year(_text(root, "year")) or (aired.year if aired else None),
        ids=_ids(kind, root),
        runtime_seconds=_runtime(_text(root, "runtime")),
        measured_seconds=_number(_text(root, "fileinfo/streamdetails/video/durationinseconds"))
        or None,
        air_date=aired,
        show_title=_text(root, "showtitle"),
        season=_number(_text(root, "season")),
        episode=_number(_text(root, "episode")),
    )


def _ids(kind: RecordKind, root: ElementTree.Element) -> dict[str, str]:
    pairs = [
        (unique.get("type") or "", "".join(unique.itertext()))
        for unique in root.findall("uniqueid")
    ]
    for provider in ("imdb", "tmdb", "tvdb"):
        pairs += [(provider, _text(root, f"{provider}id", f"{provider}_id", provider))]
    pairs += [(_text(entry, "key"), _text(entry, "value")) for entry in root.findall("ids/entry")]
    pairs += [("imdb", value) for _, value in pairs if value.strip().lower().startswith("tt")]
    pairs += _attributes(root)
    legacy = _text(root, "id").lower()
    if any(one.get("moviedb") for one in root.findall("id")) and not legacy.startswith("tt"):
        return ids.known(pairs)
    if root.find("uniqueid") is not None and not legacy.startswith("tt"):
        # Beside `uniqueid` the old element repeats the default one, whose provider it does not
        # tell.
        return ids.known(pairs)
    pairs.append(("imdb" if legacy.startswith("tt") or kind == "movie" else "tvdb", legacy))
    return ids.known(pairs)


def _attributes(root: ElementTree.Element) -> list[tuple[str, str]]:
    """`<id IMDB="tt0113277" TMDB="949">` and `<id moviedb="tmdb">949</id>`, as older managers write
    them.
    """
    pairs = [
        (name, value)
        for one in root.findall("id")
        for name, value in one.attrib.items()
        if name != "moviedb"
    ]
    return pairs + [
        (one.get("moviedb") or "", "".join(one.itertext())) for one in root.findall("id")
    ]


def _text(root: ElementTree.Element, *names: str) -> str:
    """The first of the elements that says something, in one line."""
    elements = (element for name in names for element in root.findall(name))
    texts = (" ".join("".join(element.itertext()).split()) for element in elements)
    return next((text for text in texts if text), "")


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,6}", text) else None


def _year(text: str) -> int | None:
    number = _number(text[:4])
    return number if number and 1800 <= number <= 2200 else None


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def _runtime(text: str) -> int | None:
    """Minutes, as `118`, `118 min` or `1h 58m`; in seconds."""
    found = re.match(r"(?:(\d{1,2})\s*h\w*\s*)?(?:(\d{1,4})(?:\s*m|\s*$|\.))?", text, re.IGNORECASE)
    seconds = (int(found[1] or 0) * 60 + int(found[2] or 0)) * 60 if found else 0
    return seconds or None
