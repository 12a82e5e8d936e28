"""/api/v1: the same state for players and scripts, as JSON."""

from flask import Flask

from mydia_web.web.api import library, lists, playback


def register(app: Flask) -> None:
    for module in (playback, lists, library):
        app.register_blueprint(module.bp, url_prefix="/api/v1")
