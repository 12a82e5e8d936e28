"""/healthz: is the process up, and can its tables be read? Costs one trivial statement."""

from flask import Blueprint
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from mydia_web.accounts.models import User
from mydia_web.db import db
from mydia_web.web.frame.auth import public

bp = Blueprint("health", __name__)


@bp.get("/healthz")
@public
def check() -> ResponseReturnValue:
    # From a table: SQLite counts to one without any file.
    db.session.execute(select(User.id).limit(1))
    return {"status": "ok"}
