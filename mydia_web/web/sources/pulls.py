"""Pulls of one source: asking for them, their progress, and questions they leave to an admin."""

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from mydia_web.db import db
from mydia_web.sources.accounts import get_source
from mydia_web.sources.models import Pull, Source
from mydia_web.sources.overview import list_unmatched, overview_of, was_read
from mydia_web.sync.pulls import is_being_read, latest_pull, request_pull
from mydia_web.web.frame import htmx
from mydia_web.web.frame.auth import admin_only
from mydia_web.web.frame.filters import time_or_day

bp = Blueprint("pulls", __name__)

UNMATCHED_PAGE = 50


@bp.get("/<int:source_id>/pull")
def progress(source_id: int) -> ResponseReturnValue:
    """Show the progress: as a part of a page or, without scripts, as a page that reloads itself."""
    source = get_source(source_id)
    latest = latest_pull(source_id)
    if not htmx.wants_fragment():
        return render_template("sources/pull.html", source=source, pull=latest)
    part = render_template("sources/_pull.html", source=source, pull=latest)
    if latest is None or latest.finished_at is None:
        return part
    return htmx.fragments(part, *_parts_changed_by_pull(source))


def _parts_changed_by_pull(source: Source) -> list[str]:
    """Render the parts of the open page that the pull may have outdated."""
    path = htmx.current_path()
    page_of_source = url_for("sources.show", source_id=source.id)
    if path not in (url_for("sources.index"), page_of_source):
        return []
    overview = overview_of(source, g.user.id)
    templates = ["sources/_counts.html", "sources/_health.html"]
    values = {"overview": overview, "source": source, "oob": True}
    if path == page_of_source:
        templates.append("sources/_unmatched.html")
        values |= unmatched_titles(source, after=0)
    return [render_template(template, **values) for template in templates]


def unmatched_titles(source: Source, *, after: int) -> dict[str, object]:
    """Return a page of the titles that were not recognised, by folder."""
    items = list_unmatched(source.id, after=after, limit=UNMATCHED_PAGE + 1)
    shown = items[:UNMATCHED_PAGE]
    folders: dict[str, list[object]] = {}
    for item in shown:
        folders.setdefault(item.folder, []).append(item)
    return {
        "folders": folders,
        "after": shown[-1].id if len(items) > UNMATCHED_PAGE else None,
        "was_read": was_read(source.id),
    }


@bp.post("/<int:source_id>/pull")
def pull(source_id: int) -> ResponseReturnValue:
    """Ask for what is new, or for everything; report the pull that is open already."""
    source = get_source(source_id)
    requested = _request(source_id, everything="everything" in request.form)
    db.session.commit()
    return htmx.done(
        requested_words(source.name, requested),
        part=lambda: render_template("sources/_pull.html", source=source, pull=requested),
        page=url_for(".progress", source_id=source_id),
    )


def _request(source_id: int, *, everything: bool) -> Pull:
    """Request a pull. Everything is not read twice while everything is being read."""
    latest = latest_pull(source_id)
    if latest and latest.finished_at is None and latest.is_sweep and is_being_read(latest):
        return latest
    return request_pull(source_id, is_sweep=everything)


@bp.post("/<int:source_id>/preview")
@admin_only
def preview(source_id: int) -> ResponseReturnValue:
    """Find out what reading everything would change, and change nothing."""
    source = get_source(source_id)
    requested = request_pull(source.id, is_preview=True)
    db.session.commit()
    if not requested.is_preview:
        flash(f"{source.name} is being pulled right now. Ask for the preview when that is done.")
    return redirect(url_for(".progress", source_id=source_id), code=303)


@bp.post("/<int:source_id>/removals")
@admin_only
def accept_removals(source_id: int) -> ResponseReturnValue:
    """Believe the source that showed much as unwatched, or removed, all at once."""
    return _pull_again(source_id, "its removals are accepted", takes_removals=True)


@bp.post("/<int:source_id>/keep-ours")
@admin_only
def keep_ours(source_id: int) -> ResponseReturnValue:
    """Keep our state where the source showed much as unwatched all at once."""
    return _pull_again(source_id, "marked as watched again where needed", keeps_ours=True)


def _pull_again(source_id: int, words: str, **decision: bool) -> ResponseReturnValue:
    """Pull everything, with a person's decision on what is unwatched all at once."""
    source = get_source(source_id)
    request_pull(source.id, **decision)
    db.session.commit()
    flash(f"{source.name} is being pulled again, and {words}.")
    return htmx.go_to(url_for("sources.show", source_id=source_id))


@bp.app_template_filter()
def pull_words(pull: Pull) -> str:
    """Describe an open pull: `Reading since 21:04 · 6,000 of 20,000 titles.`"""
    return f"{_activity(pull)}{_progress(pull)}.{_follow_up(pull)}"


def requested_words(name: str, pull: Pull) -> str:
    """Describe what came of asking for a pull of the source with that name."""
    if pull.began_at is None:
        return f"{name} will be pulled in a moment."
    return f"{name} is being pulled already. {pull_words(pull)}"


def _activity(pull: Pull) -> str:
    if pull.began_at is None:
        return f"Requested at {time_or_day(pull.requested_at)}, waiting for a worker"
    if not is_being_read(pull):
        last_sign = pull.moved_at or pull.began_at
        return f"Interrupted at {time_or_day(last_sign)}, resumes automatically"
    verb = "Previewing" if pull.is_preview else "Reading"
    return f"{verb} since {time_or_day(pull.began_at)}"


def _progress(pull: Pull) -> str:
    if pull.total:
        return f" · {pull.done:,} of {pull.total:,} titles"
    if pull.done:
        return f" · {pull.done:,} so far"
    return ""


def _follow_up(pull: Pull) -> str:
    if not pull.followed_by:
        return ""
    if pull.followed_by in ("sweep", "removals", "keep"):
        return " A pull of everything follows."
    return " Another pull follows."
