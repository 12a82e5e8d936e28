"""The application factory: settings, database, pages, commands."""

from collections.abc import Mapping
from typing import Any

from flask import Flask
from flask_migrate import Migrate

from mydia_web import cli, web
from mydia_web.config import flask_config, read_settings
from mydia_web.db import db
from mydia_web.paths import resource


def create_app(overrides: Mapping[str, Any] | None = None) -> Flask:
    """Make the application.

    `overrides` replace parts of Flask's configuration; `SETTINGS` among them replaces the
    environment. Raises `WrongSetting` for a setting that cannot be used.
    """
    app = Flask(__name__, template_folder=resource("templates"), static_folder=resource("static"))
    overrides = overrides or {}
    settings = overrides.get("SETTINGS") or read_settings()
    app.config.update(flask_config(settings))
    app.config.update(overrides)
    db.init_app(app)
    Migrate(app, db, directory=resource("migrations"))
    web.register(app)
    cli.register(app)
    return app
