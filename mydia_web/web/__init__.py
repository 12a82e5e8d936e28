"""Pages: one module is one blueprint is one template folder. Here is the list of them all."""

from flask import Flask
from flask_compress import Compress
from jinja2 import StrictUndefined
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter

from mydia_web.web import (
    api,
    artwork,
    health,
    history,
    library,
    metrics,
    settings,
    setup,
    watch,
    webhooks,
)
from mydia_web.web.frame import assets, auth, errors, filters, shell, transactions
from mydia_web.web.items import undo
from mydia_web.web.items import views as items
from mydia_web.web.queue import views as queue
from mydia_web.web.sources import exchange, linking, pull_words
from mydia_web.web.sources import settings as source_settings
from mydia_web.web.sources import views as sources

PAGES = (
    watch,
    history,
    items,
    undo,
    setup,
    health,
    metrics,
    queue,
    sources,
    linking,
    source_settings,
    exchange,
    artwork,
    library,
    settings,
    webhooks,
)


class IdConverter(IntegerConverter):
    """Numbers in addresses: those that no database could hold lead nowhere."""

    regex = r"\d{1,18}"


def register(app: Flask) -> None:
    """Everything that answers a browser or a player. The order of the guards is their order in each
    request.
    """
    app.url_map.converters["int"] = IdConverter
    _trust_proxies(app)
    _set_up_templates(app)
    app.config["SESSION_REFRESH_EACH_REQUEST"] = (
        False  # `auth` renews sessions, pictures need no cookie
    )
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False  # `auth` checks, for it knows who needs no check
    auth.csrf.init_app(app)
    auth.limiter.init_app(app)
    Compress(app)
    for guard in (transactions, auth, shell, errors, assets, filters, pull_words, api):
        guard.register(app)
    for page in PAGES:
        app.register_blueprint(page.bp)


def _trust_proxies(app: Flask) -> None:
    count = app.config["SETTINGS"].proxies
    if count > 0:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=count, x_proto=count, x_host=count, x_prefix=count
        )


def _set_up_templates(app: Flask) -> None:
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True, "undefined": StrictUndefined}
