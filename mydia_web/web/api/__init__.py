"""/api/v1: the same state as JSON, for players and scripts."""

from flask import Blueprint

from mydia_web.web.api import lists, playback

bp = Blueprint("api", __name__, url_prefix="/api/v1")
bp.register_blueprint(playback.bp)
bp.register_blueprint(lists.bp)
