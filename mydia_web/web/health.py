"""/healthz: is the process up and its database there? Costs one trivial statement."""

from flask import Blueprint
from flask.typing import ResponseReturnValue
from sqlalchemy import literal, select

from mydia_web.db import db
from mydia_web.web.auth import public

bp = Blueprint("health", __name__)


@bp.get("/healthz")
@public
def check() -> ResponseReturnValue:
    db.session.execute(select(literal(1)))
    return {"status": "ok"}
