"""As much of Handlebars as the Webhook plugin's templates need: `{{name}}`, escaped for HTML, and
`{{{name}}}`.
"""

import html
import re
from collections.abc import Mapping


def expand(template: str, values: Mapping[str, object]) -> str:
    """Expand as the plugin does: names in any case, missing values empty, booleans as in C#."""
    known = {name.lower(): "" if value is None else str(value) for name, value in values.items()}

    def value(match: re.Match[str]) -> str:
        raw, escaped = match.groups()
        return known.get(raw.lower(), "") if raw else html.escape(known.get(escaped.lower(), ""))

    return re.sub(r"\{\{\{(\w+)\}\}\}|\{\{(\w+)\}\}", value, template)
