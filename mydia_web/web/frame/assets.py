"""Addresses of static files that change with their content, so that browsers may keep them for
ever.
"""

import hashlib
from functools import cache, lru_cache
from pathlib import Path

from flask import Flask, current_app, g, url_for


def register(app: Flask) -> None:
    app.add_template_global(asset)


def asset(path: str) -> str:
    """The address of `static/<path>`. One that is missing breaks no page; its own request says 404."""
    if current_app.debug:
        return _address(path)
    # A page asks a hundred times for the same few.
    addresses: dict[str, str] = g.setdefault("asset_addresses", {})
    if path not in addresses:
        addresses[path] = _address(path)
    return addresses[path]


def _address(path: str) -> str:
    folder = current_app.static_folder or ""
    # In development a file may change under us; elsewhere one look is enough.
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
