"""Kodi's own description of its methods (GPL: read from ../shared only), and a checker for its
draft-03.
"""

import json
import os
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tests.backends.shapes import reduced

SHARED = Path(os.environ.get("MYDIA_SHARED", Path(__file__).parents[4] / "shared"))
FOLDER = SHARED / "specs" / "kodi-21.2"

Schema = Mapping[str, Any]
_TYPES: Mapping[str, Any] = {
    "any": object,
    "array": list,
    "boolean": bool,
    "integer": int,
    "null": type(None),
    "number": (int, float),
    "object": dict,
    "string": str,
}


def missing() -> str:
    """Why the description cannot be read here; "" where it can."""
    return "" if FOLDER.is_dir() else f"Kodi's JSON schema is not at {FOLDER}"


@cache
def _read(name: str) -> dict[str, Any]:
    described: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return described


def faults_of_call(method: str, params: Mapping[str, Any]) -> list[str]:
    """What Kodi would have against a call; nothing where the description is absent."""
    if missing():
        return []
    described = _read("methods.json").get(method)
    if described is None:
        return [f"{method}: no such method"]
    known = {param["name"]: param for param in described["params"]}
    faults = [f"{method}: no parameter {name}" for name in params.keys() - known.keys()]
    faults += [f"{method}: {name} is missing" for name in _required(known) - params.keys()]
    for name in params.keys() & known.keys():
        faults += (f"{method}: {fault}" for fault in _faults(params[name], known[name], name))
    return faults


def faults_of_answer(method: str, result: object) -> list[str]:
    if missing():
        return []
    returns = _read("methods.json")[method]["returns"]
    return list(
        _faults(
            reduced(result), {"$ref": returns} if isinstance(returns, str) else returns, "result"
        )
    )


def _required(members: Mapping[str, Schema]) -> set[str]:
    return {name for name, member in members.items() if member.get("required") is True}


def _whole(schema: Schema) -> dict[str, Any]:
    """The schema with all that it refers to and extends."""
    extended = schema.get("extends", [])
    parents = [schema[word] for word in ("$ref", "type") if _is_name(schema.get(word))]
    parents += extended if isinstance(extended, list) else [extended]
    whole: dict[str, Any] = {}
    for parent in parents:
        # The names of filter fields stand in no file: Kodi gathers them when it starts.
        inherited = _whole(
            _read("types.json").get(parent, {}) if isinstance(parent, str) else parent
        )
        # "required" belongs to the place where a type is used.
        inherited.pop("required", None)
        _add(whole, inherited)
    _add(whole, schema)
    return whole


def _is_name(word: object) -> bool:
    return isinstance(word, str) and word not in _TYPES


def _add(whole: dict[str, Any], more: Schema) -> None:
    for name, value in more.items():
        if name == "properties":
            whole[name] = {**whole.get(name, {}), **value}
        elif name not in ("$ref", "extends") and not (name == "type" and _is_name(value)):
            whole[name] = value


def _faults(value: Any, schema: Schema, where: str) -> Iterator[str]:
    whole = _whole(schema)
    kinds = whole.get("type", "any")
    if isinstance(kinds, list):
        if not any(not list(_faults(value, _alternative(kind), where)) for kind in kinds):
            yield f"{where}: {str(value)[:60]} fits none of the alternatives"
        return
    right = isinstance(value, _TYPES[kinds]) and (
        kinds in ("boolean", "any") or not isinstance(value, bool)
    )
    if not right:
        yield f"{where}: {str(value)[:60]} is not of type {kinds}"
    elif isinstance(value, dict):
        yield from _faults_of_members(value, whole, where)
    elif isinstance(value, list):
        yield from _faults_of_entries(value, whole, where)
    else:
        yield from _faults_of_plain(value, whole, where)


def _alternative(kind: str | Schema) -> Schema:
    return {"type": kind} if isinstance(kind, str) else kind


def _faults_of_members(value: dict[str, Any], whole: Schema, where: str) -> Iterator[str]:
    known = whole.get("properties", {})
    yield from (f"{where}.{name} is missing" for name in _required(known) - value.keys())
    others = whole.get("additionalProperties", True)
    for name, member in value.items():
        if name in known:
            yield from _faults(member, known[name], f"{where}.{name}")
        elif others is False:
            yield f"{where}.{name} is not known"
        elif isinstance(others, dict):
            yield from _faults(member, others, f"{where}.{name}")


def _faults_of_entries(value: list[Any], whole: Schema, where: str) -> Iterator[str]:
    if len(value) < whole.get("minItems", 0):
        yield f"{where} has too few entries"
    for position, entry in enumerate(value):
        if isinstance(whole.get("items"), dict):
            yield from _faults(entry, whole["items"], f"{where}[{position}]")


def _faults_of_plain(value: Any, whole: Schema, where: str) -> Iterator[str]:
    if "enum" in whole and value not in whole["enum"]:
        yield f"{where}: {value} is not one of the words allowed"
    if "minimum" in whole and value is not None and value < whole["minimum"]:
        yield f"{where}: {value} is too small"
    if isinstance(value, str) and len(value) < whole.get("minLength", 0):
        yield f"{where} is too short"
