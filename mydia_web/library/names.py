"""Titles by their letters: a file's name cannot hold `:` or `?`, so no sign tells two titles apart."""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from mydia_web.db import db
from mydia_web.library.content import sort_title
from mydia_web.library.models import MediaItem

#: Left out of a title's key, here and in the database alike: SQLite nests no more than about
#: thirty.
_SIGNS = " -–:;,.!?'’\"()[]/*+_·#"


def title_key(title: str) -> str:
    """Return a title without case, accents, article and signs: `Angels & Ferries` →
    angelsandferries.
    """
    sorted_by = sort_title(title)
    key = sorted_by.replace("&", "and")
    for sign in _SIGNS:
        key = key.replace(sign, "")
    return key or sorted_by


def namesakes(titles: Iterable[tuple[str, str]]) -> dict[tuple[str, str], list[MediaItem]]:
    """Return the films and shows of these kinds and keys, by them, in one question."""
    by_kind: dict[str, set[str]] = {}
    for kind, key in titles:
        by_kind.setdefault(kind, set()).add(key)
    if not by_kind:
        return {}
    conditions = [
        and_(
            MediaItem.type == kind,
            or_(_key_of(MediaItem.sort_title).in_(keys), MediaItem.sort_title.in_(keys)),
        )
        for kind, keys in by_kind.items()
    ]
    found: dict[tuple[str, str], list[MediaItem]] = {}
    for row in db.session.scalars(select(MediaItem).where(or_(*conditions)).order_by(MediaItem.id)):
        found.setdefault((row.type, title_key(row.title)), []).append(row)
    return found


def _key_of(column: InstrumentedAttribute[str]) -> ColumnElement[str]:
    key: ColumnElement[str] = func.replace(column, "&", "and")
    for sign in _SIGNS:
        key = func.replace(key, sign, "")
    return key
