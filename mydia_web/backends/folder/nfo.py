"""NFO files, which Kodi, Jellyfin and others wrote beside a video, read without trusting them."""

import codecs
import html.entities
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal, get_args
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from mydia_web.backends.folder import ids

RecordKind = Literal["movie", "tvshow", "episodedetails"]

LARGEST = 1024 * 1024
_KINDS: dict[str, RecordKind] = {kind: kind for kind in get_args(RecordKind)}
#: As far into the file as its encoding is looked for.
_DECLARATION = 1024
_FIRST_YEAR = 1800
_LAST_YEAR = 2200

_OPENING = re.compile(r"<(movie|tvshow|episodedetails)(?=[\s>])")
_DECLARED = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
#: An & that begins no reference; CDATA holds what it likes.
_AMPERSAND = re.compile(
    r"""
    (?P<cdata> <!\[CDATA\[ .*? \]\]> )
  | & (?! (?: amp | lt | gt | quot | apos | \#[0-9]{1,7} | \#x[0-9A-Fa-f]{1,6} ) ; )
    (?: (?P<name> [A-Za-z][A-Za-z0-9]{1,31} ) ; )?
    """,
    re.VERBOSE | re.DOTALL,
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_UTF_8 = ("utf-8", "utf8", "utf-8-sig")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_NUMBER = re.compile(r"[0-9]{1,6}")
#: `118`, `118 min` or `1h 58m`.
_RUNTIME = re.compile(
    r"(?: (?P<hours>\d{1,2}) \s*h\w*\s* )? (?: (?P<minutes>\d{1,4}) (?: \s*m | \s*$ | \. ) )?",
    re.VERBOSE | re.IGNORECASE,
)


class NfoError(Exception):
    """The NFO file cannot be read; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
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
    """The contents of an NFO file. `linked_ids` are from links, which may be all it holds."""

    records: tuple[Record, ...] = ()
    linked_ids: Mapping[str, str] = field(default_factory=dict)

    def record(self, kind: RecordKind) -> Record:
        """Return the first record of a kind, an empty one where there is none."""
        for record in self.records:
            if record.kind == kind:
                return record
        return Record(kind=kind)


def read(file: Path) -> Nfo:
    """Read an NFO file. Raise `NfoError`, but not for the text of a release group."""
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
    records = tuple(_record(kind, root) for kind, root in _roots(text))
    if not records:
        raise NfoError("its XML is cut short")
    # Links to a title's page stand after the last record.
    behind = text[text.rfind("</") :]
    return Nfo(records, ids.in_addresses(behind))


def _is_xml(content: bytes) -> bool:
    return content.startswith(_UTF_16) or any(f"<{kind}".encode() in content for kind in _KINDS)


def _decoded(content: bytes) -> str:
    encoding = _encoding(content)
    if encoding.lower() in _UTF_8:
        return _decoded_utf_8(content)
    try:
        return content.decode(encoding)
    except (LookupError, UnicodeError) as error:
        raise NfoError(f"it is not text in {encoding}") from error


def _encoding(content: bytes) -> str:
    """Return the encoding of a byte order mark, or else the declared one, or else UTF-8."""
    if content.startswith(_UTF_16):
        return "utf-16"
    declared = _DECLARED.search(content, 0, _DECLARATION)
    if not declared or content.startswith(codecs.BOM_UTF8):
        return "utf-8"
    return declared[1].decode("ascii")


def _decoded_utf_8(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeError:
        # Many write what their Windows has, and call it UTF-8. The ids in it are ASCII.
        return content.decode("cp1252", "replace")


def _mended(text: str) -> str:
    """Return the text without what breaks XML but is meant as text.

    That is a bare &, HTML's names of letters, and control characters.
    """
    return _AMPERSAND.sub(_mended_reference, _CONTROL.sub("", text))


def _mended_reference(match: re.Match[str]) -> str:
    if match["cdata"]:
        return match["cdata"]
    name = match["name"]
    if name is None:
        return "&amp;"
    letter = html.entities.html5.get(f"{name};")
    return f"&amp;{name};" if letter is None else escape(letter)


def _roots(text: str) -> Iterator[tuple[RecordKind, ElementTree.Element]]:
    """Yield each record: Kodi writes several roots into one file, and others links after them."""
    start = 0
    while opening := _OPENING.search(text, start):
        closing = f"</{opening[1]}>"
        end = text.find(closing, opening.end())
        if end < 0:
            return
        start = end + len(closing)
        xml = _mended(text[opening.start() : start])
        try:
            root = ElementTree.fromstring(xml)  # noqa: S314 - no DOCTYPE, ≤ 1 MiB
        except (ElementTree.ParseError, ValueError) as error:
            raise NfoError(f"its XML is broken ({error})") from error
        yield _KINDS[opening[1]], root


def _record(kind: RecordKind, root: ElementTree.Element) -> Record:
    aired = _date(_text(root, "aired", "premiered", "releasedate"))
    measured = _number(_text(root, "fileinfo/streamdetails/video/durationinseconds"))
    return Record(
        kind=kind,
        title=_text(root, "title"),
        year=_year(_text(root, "year")) or (aired.year if aired else None),
        ids=_ids(kind, root),
        runtime_seconds=_runtime(_text(root, "runtime")),
        measured_seconds=measured or None,
        air_date=aired,
        show_title=_text(root, "showtitle"),
        season=_number(_text(root, "season")),
        episode=_number(_text(root, "episode")),
    )


def _ids(kind: RecordKind, root: ElementTree.Element) -> dict[str, str]:
    pairs = _modern_ids(root)
    pairs += [("imdb", value) for _, value in pairs if value.strip().lower().startswith("tt")]
    pairs += _ids_in_attributes(root)
    legacy = _text(root, "id").lower()
    if legacy.startswith("tt"):
        pairs.append(("imdb", legacy))
    elif not _repeats_default_id(root):
        pairs.append(("imdb" if kind == "movie" else "tvdb", legacy))
    return ids.known(pairs)


def _modern_ids(root: ElementTree.Element) -> list[tuple[str, str]]:
    pairs = [
        (unique.get("type") or "", "".join(unique.itertext()))
        for unique in root.findall("uniqueid")
    ]
    pairs += [
        (provider, _text(root, f"{provider}id", f"{provider}_id", provider))
        for provider in ("imdb", "tmdb", "tvdb")
    ]
    pairs += [(_text(entry, "key"), _text(entry, "value")) for entry in root.findall("ids/entry")]
    return pairs


def _ids_in_attributes(root: ElementTree.Element) -> list[tuple[str, str]]:
    """Return the ids that older managers write.

    `<id IMDB="tt0113277" TMDB="949">` and `<id moviedb="tmdb">949</id>`.
    """
    elements = root.findall("id")
    pairs = [
        (name, value)
        for element in elements
        for name, value in element.attrib.items()
        if name != "moviedb"
    ]
    pairs += [(element.get("moviedb") or "", "".join(element.itertext())) for element in elements]
    return pairs


def _repeats_default_id(root: ElementTree.Element) -> bool:
    """Return whether `id` repeats another element, whose provider it does not tell."""
    if root.find("uniqueid") is not None:
        return True
    return any(element.get("moviedb") for element in root.findall("id"))


def _text(root: ElementTree.Element, *names: str) -> str:
    """Return the text of the first of the elements that has any, in one line."""
    for name in names:
        for element in root.findall(name):
            if text := " ".join("".join(element.itertext()).split()):
                return text
    return ""


def _number(text: str) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) else None


def _year(text: str) -> int | None:
    year = _number(text[:4])
    is_year = year is not None and _FIRST_YEAR <= year <= _LAST_YEAR
    return year if is_year else None


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def _runtime(text: str) -> int | None:
    """Return seconds of a length in minutes, or in hours and minutes."""
    match = _RUNTIME.match(text)
    if not match:
        return None
    minutes = int(match["hours"] or 0) * 60 + int(match["minutes"] or 0)
    return minutes * 60 or None
