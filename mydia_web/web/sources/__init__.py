"""/sources: the servers and folders, their settings, sign-ins, pulls and unmatched titles."""

from mydia_web.web.sources import linking, matching, pulls, settings
from mydia_web.web.sources.views import bp

for part in (linking, matching, pulls, settings):
    bp.register_blueprint(part.bp)

__all__ = ["bp"]
