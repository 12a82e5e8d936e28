"""The only reader and writer of htmx's headers."""

from urllib.parse import urlsplit

from flask import Response, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue


def wants_fragment() -> bool:
    """Does htmx swap a part of the page? Boosted links and history restores take the whole of it."""
    asked = request.headers
    whole = "HX-Boosted" in asked or "HX-History-Restore-Request" in asked
    return asked.get("HX-Request") == "true" and not whole


def current_path() -> str:
    """The path of the page that htmx swaps a part of; "" where that is not told."""
    return urlsplit(request.headers.get("HX-Current-URL", "")).path


def fragments(*parts: str, status: int = 200) -> Response:
    """The swapped part, followed by those that htmx puts elsewhere by their ids."""
    return make_response("\n".join(parts), status)


def pushed(address: str, part: str) -> Response:
    """A swapped part that leads the browser to another address."""
    response = make_response(part)
    response.headers["HX-Push-Url"] = address
    return response


def go_to(address: str) -> ResponseReturnValue:
    """Another page: as a redirect, or, where htmx would swap it into a part of this one, as its
    order to go there.
    """
    if wants_fragment():
        response = make_response("", 200)
        response.headers["HX-Redirect"] = address
        return response
    return redirect(address, code=303)


def way_back(default_endpoint: str = "watch.index") -> str:
    """The page a plain form came from, as its `next` field says; only pages of ours."""
    wanted = request.form.get("next") or request.args.get("next") or ""
    return wanted if is_local(wanted) else url_for(default_endpoint)


def is_local(address: str) -> bool:
    """A path on this site. Browsers read `//host` and `/\\host` as another site, and drop control
    characters.
    """
    return (
        address.startswith("/")
        and not address.startswith(("//", "/\\"))
        and all(letter.isprintable() and letter != "\\" for letter in address)
    )
