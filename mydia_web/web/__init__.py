"""The web server: each package or module here is a blueprint with its folder of templates."""

from flask import Flask
from flask_compress import Compress
from jinja2 import StrictUndefined
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter

from mydia_web.web import (
    api,
    artwork,
    history,
    items,
    library,
    monitoring,
    queue,
    settings,
    setup,
    sources,
    watch,
    webhooks,
)
from mydia_web.web.frame import auth, errors, filters, shell, transactions, urls

_BLUEPRINTS = (
    watch.bp,
    history.bp,
    library.bp,
    items.bp,
    queue.bp,
    sources.bp,
    settings.bp,
    setup.bp,
    artwork.bp,
    webhooks.bp,
    api.bp,
    monitoring.bp,
)


class IdConverter(IntegerConverter):
    """Ids in addresses. Numbers that no database can hold lead nowhere."""

    regex = r"\d{1,18}"


def register(app: Flask) -> None:
    """Add all pages and the API to the application."""
    app.url_map.converters["int"] = IdConverter
    _trust_proxies(app)
    # Unknown names in templates are errors.
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True, "undefined": StrictUndefined}
    # `auth` renews sessions; pictures need no cookie.
    app.config["SESSION_REFRESH_EACH_REQUEST"] = False
    # `auth` checks tokens itself, because it knows which requests need none.
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False
    auth.csrf.init_app(app)
    auth.limiter.init_app(app)
    Compress(app)
    # Each request passes the guards in this order.
    for guard in (transactions, auth, shell, errors, urls, filters):
        guard.register(app)
    for blueprint in _BLUEPRINTS:
        app.register_blueprint(blueprint)


def _trust_proxies(app: Flask) -> None:
    count = app.config["SETTINGS"].proxies
    if count > 0:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=count, x_proto=count, x_host=count, x_prefix=count
        )
