"""Addresses: static files by their content, and the many links of a page."""

import hashlib
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from flask import Flask, current_app, g, url_for

# Longer than any id, so that it stands in no address by chance.
_PLACEHOLDER = "7" * 18


def register(app: Flask) -> None:
    app.add_template_global(asset)
    app.add_template_global(link)


def link(endpoint: str, item: int | str, **fixed: str | int) -> str:
    """Return `url_for(endpoint)` with `item` as the one part of the path that is not `fixed`.

    A page of posters has hundreds of addresses that differ in this part alone. `url_for` takes
    15 µs for each; filling in a pattern that is kept for the request takes 1 µs.
    """
    patterns: dict[tuple[object, ...], str] = g.setdefault("url_patterns", {})
    key = (endpoint, *fixed.values())
    if key not in patterns:
        patterns[key] = _pattern(endpoint, fixed)
    return patterns[key].replace(_PLACEHOLDER, str(item))


def _pattern(endpoint: str, fixed: dict[str, str | int]) -> str:
    rule = next(current_app.url_map.iter_rules(endpoint))
    (name,) = rule.arguments - fixed.keys()
    values: dict[str, Any] = {**fixed, name: _PLACEHOLDER}
    return url_for(endpoint, **values)


def asset(path: str) -> str:
    """Return the address of `static/<path>`, which changes with the file, so that browsers may
    keep it for ever. A missing file breaks no page; its own request says 404.
    """
    if current_app.debug:
        return _asset_url(path)
    # A page asks a hundred times for the same few.
    addresses: dict[str, str] = g.setdefault("asset_urls", {})
    if path not in addresses:
        addresses[path] = _asset_url(path)
    return addresses[path]


def _asset_url(path: str) -> str:
    folder = current_app.static_folder or ""
    # In development a file may change at any time; in production one look is enough.
    version_of = _version if current_app.debug else _first_version
    try:
        return url_for("static", filename=path, v=version_of(folder, path))
    except FileNotFoundError:
        return url_for("static", filename=path)


def _version(folder: str, path: str) -> str:
    file = Path(folder) / path
    return _digest(file, file.stat().st_mtime_ns)


_first_version = cache(_version)


@lru_cache(maxsize=1000)
def _digest(file: Path, _changed_at: int) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:10]
