"""Plex's answers as XML: values become attributes, lists of objects become elements."""

from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

_VIDEOS = ("movie", "episode", "clip")


def as_xml(answer: Any) -> bytes:
    """An object with one member is named by it; plex.tv's own answers have no such frame."""
    if isinstance(answer, dict) and list(answer) == ["MediaContainer"]:
        root = Element("MediaContainer")
        _fill(root, answer["MediaContainer"])
    else:
        root = Element("user")
        _fill(root, answer if isinstance(answer, dict) else {"user": answer})
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="utf-8")


def _fill(element: Element, members: dict[str, Any]) -> None:
    for name, value in members.items():
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, dict):
                _fill(SubElement(element, _element(name, child)), child)
            elif child is not None:
                element.set(name, str(int(child)) if isinstance(child, bool) else str(child))


def _element(name: str, child: dict[str, Any]) -> str:
    if name != "Metadata":
        return name
    return "Video" if child.get("type") in _VIDEOS else "Directory"
