"""Addresses of static files that change with their content, so that browsers may keep them for ever."""

import hashlib
from functools import cache
from pathlib import Path

from flask import Flask, current_app, url_for


def register(app: Flask) -> None:
    app.add_template_global(asset)


def asset(path: str) -> str:
    """The address of `static/<path>`. One that is missing breaks no page; its own request says 404."""
    file = Path(current_app.static_folder or "") / path
    try:
        return url_for("static", filename=path, v=_digest(file, _changed_at(file)))
    except FileNotFoundError:
        return url_for("static", filename=path)


def _changed_at(file: Path) -> int:
    # In development a file may change under us; elsewhere one look is enough.
    return file.stat().st_mtime_ns if current_app.debug else 0


@cache
def _digest(file: Path, _changed_at: int) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:10]
