"""The only reader and writer of htmx's headers, and the answers that differ for it."""

from collections.abc import Callable
from urllib.parse import urlsplit

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue


def wants_fragment() -> bool:
    """Return whether htmx will swap a part of the page.

    Boosted links and restored history entries need the whole page.
    """
    headers = request.headers
    needs_page = "HX-Boosted" in headers or "HX-History-Restore-Request" in headers
    return headers.get("HX-Request") == "true" and not needs_page


def current_path() -> str:
    """Return the path of the page that is open in the browser; "" if unknown."""
    return urlsplit(request.headers.get("HX-Current-URL", "")).path


def fragments(*parts: str) -> Response:
    """Answer with the swapped part, followed by those that htmx places by their ids."""
    return make_response("\n".join(parts))


def pushed(address: str, part: str) -> Response:
    """Answer with the swapped part and a new address for the browser's address bar."""
    response = make_response(part)
    response.headers["HX-Push-Url"] = address
    return response


def done(words: str, *, part: Callable[[], str], page: str) -> ResponseReturnValue:
    """Report a finished action: as a toast beside the changed part, or on the page it leads to."""
    if wants_fragment():
        return fragments(part(), *out_of_band(words))
    flash(words)
    return redirect(page, code=303)


def out_of_band(message: str, **undo: object) -> tuple[str, str]:
    """Return what accompanies the swapped part: the toast and the number of changes owed."""
    toast = render_template("shared/_toast.html", message=message, **undo)
    return toast, render_template("shared/_sync_badge.html", oob=True)


def go_to(address: str) -> ResponseReturnValue:
    """Lead the browser to another page, also where htmx would swap the answer into this one."""
    if wants_fragment():
        response = make_response()
        response.headers["HX-Redirect"] = address
        return response
    return redirect(address, code=303)


def way_back() -> str:
    """Return the page that a plain form came from (its field `next`); only pages of this site."""
    wanted = request.form.get("next") or request.args.get("next") or ""
    if is_local(wanted):
        return wanted
    return url_for("watch.index")


def is_local(address: str) -> bool:
    """Return whether the address is a path on this site.

    Browsers read `//host` and `/\\host` as another site, and drop control characters.
    """
    is_path = address.startswith("/") and not address.startswith("//")
    return is_path and address.isprintable() and "\\" not in address
