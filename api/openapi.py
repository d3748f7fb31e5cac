"""The OpenAPI document: as FastAPI makes it, with our problems where it would describe its own errors.

python -m api.openapi > docs/openapi.json
"""

import json
import sys
from tempfile import gettempdir
from typing import Any

from fastapi import FastAPI

from api.problems import MEDIA_TYPE, TYPES, ProblemBody, problems

_OWN_ERRORS = ("HTTPValidationError", "ValidationError")


def install(app: FastAPI) -> None:
    """Make `app.openapi()` (and so GET /openapi.json) tell of problems."""
    plain = app.openapi

    def document() -> dict[str, Any]:
        if app.openapi_schema is not None:
            return app.openapi_schema
        schema = plain()  # kept by the app
        _rewrite(schema)
        return schema

    app.openapi = document  # type: ignore[method-assign]


def _rewrite(schema: dict[str, Any]) -> None:
    components = schema.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in _OWN_ERRORS:
        schemas.pop(name, None)
    problem = ProblemBody.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    problem["description"] = "RFC 9457. `type` is one of: " + ", ".join(f"/problems/{slug}" for slug in TYPES) + "."
    schemas["Problem"] = problem
    components["securitySchemes"] = {
        "token": {
            "type": "http",
            "scheme": "bearer",
            "description": "Needed unless the service listens on loopback and was started without a token.",
        }
    }
    schema["security"] = [{"token": []}]
    answer = problems(422)[422]
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            responses = operation["responses"]
            if "422" in responses and MEDIA_TYPE not in responses["422"].get("content", {}):
                responses["422"] = answer
            responses.setdefault("default", {**answer, "description": "any other refusal"})
            if path in ("/healthz", "/readyz", "/version"):
                operation["security"] = []


def text() -> str:
    """The document of this version, as `docs/openapi.json` has it."""
    from api.app import create_app
    from api.settings import load

    # nothing is started, so the home is never touched
    document = create_app(load({"home": gettempdir()})).openapi()
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
