"""Templates: autoescaped, strict about names that are not there, with the words of the pages as filters."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from api.pages import words
from api.pages.health import health
from api.pages.statics import address
from api.version import version
from search.export.subject import call
from search.records import TERMINAL

FOLDER = Path(__file__).parent / "templates"

CONTENT_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
"""No inline script or style, no eval, nothing from elsewhere."""

_ICON = (
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'><rect width='32' height='32' rx='8' fill='#0a5fbf'/>"
    "<g fill='#fff'><rect x='7' y='7' width='8' height='8' rx='2'/><rect x='17' y='17' width='8' height='8' rx='2'/>"
    "<g opacity='.4'><rect x='17' y='7' width='8' height='8' rx='2'/><rect x='7' y='17' width='8' height='8' rx='2'/>"
    "</g></g></svg>"
)


@cache
def environment() -> Environment:
    """The templates of the pages."""
    made = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {
        "actions": words.actions,
        "comparison": words.comparison,
        "eta_words": words.eta_words,
        "facts": words.facts,
        "fixed": words.fixed,
        "headline": words.headline,
        "health": health,
        "in_one_line": words.in_one_line,
        "metric_name": call,
        "number": words.number,
        "plan_words": words.plan_words,
        "progress_words": words.progress_words,
        "query": urlencode,
        "queue_words": words.queue_words,
        "tiles": words.tiles,
        "verdict_sentence": words.verdict_sentence,
        "when": words.when,
    }
    made.globals |= {
        "active": words.ACTIVE,
        "here": "",
        "icon": "data:image/svg+xml," + quote(_ICON),
        "state_word": words.state_word,
        "static": address,
        "terminal": TERMINAL,
        "version": version(),
    }
    return made


def page(template: str, values: Mapping[str, Any], status: int = 200) -> HTMLResponse:
    """An HTML answer. It is never kept by a cache: what it shows changes."""
    headers = {"Content-Security-Policy": CONTENT_POLICY, "Cache-Control": "no-store"}
    return HTMLResponse(environment().get_template(template).render(values), status, headers)
