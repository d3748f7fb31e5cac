"""Logs of the service: one structured line per event, JSON or pretty, on stderr; secrets are blotted out last."""

import logging
import re
import sys
from collections.abc import Iterable, MutableMapping
from typing import Any, Literal

import structlog

HIDDEN = "[hidden]"
_NAMES = frozenset({"authorization", "cookie", "set-cookie", "idempotency-key", "idempotency_key", "token", "password"})
_USERINFO = re.compile(r"(?<=://)[^/\s@'\"]+@")
_BEARER = re.compile(r"(?i)\b(bearer)\s+[^\s'\",]+")
_QUIET = {
    "uvicorn.access": logging.CRITICAL,
    "uvicorn.error": logging.WARNING,
    "asyncio": logging.WARNING,
    "alembic": logging.WARNING,
}


class Blotter:
    """Blots secrets out of a log record, wherever they stand in it.

    Args:
        secrets: texts that must never be seen.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = tuple(sorted(secrets, key=len, reverse=True))

    def __call__(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """A processor of structlog."""
        return {name: HIDDEN if name.lower() in _NAMES else self._clean(value) for name, value in event.items()}

    def text(self, text: str) -> str:
        """A text without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return _BEARER.sub(rf"\1 {HIDDEN}", _USERINFO.sub(f"{HIDDEN}@", text))

    def _clean(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {
                name: HIDDEN if str(name).lower() in _NAMES else self._clean(inner) for name, inner in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._clean(inner) for inner in value]
        return value if isinstance(value, int | float | None) else self.text(str(value))


def configure(form: Literal["json", "pretty"], secrets: Iterable[str] = ()) -> None:
    """Send everything that is logged, by us and by libraries, through one chain to stderr."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Any] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        Blotter(secrets),
    ]
    if form == "json":
        last.append(structlog.processors.JSONRenderer())
    else:
        colors = sys.stderr.isatty()
        last.append(structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=last))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    for name, level in _QUIET.items():
        logging.getLogger(name).setLevel(level)
