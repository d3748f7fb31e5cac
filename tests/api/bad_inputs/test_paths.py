"""The traversal list in every path parameter of every route, and of the static files: refused, and nothing but that."""

from pathlib import Path

import pytest
from fastapi import FastAPI

from api.app import create_app
from api.settings import Settings
from tests.api.bad_inputs.conftest import Attacked
from tests.api.bad_inputs.judging import check_problem, check_silence
from tests.api.bad_inputs.traversal import LIST
from tests.api.bad_inputs.wire import Answer, Wire, request
from tests.api.doubles import IdleDispatcher
from tests.api.security.walking import Endpoint, endpoints

_APP: FastAPI = create_app(Settings(home=Path("/nonexistent")), IdleDispatcher())  # type: ignore[arg-type]
PLACES = [
    pytest.param(endpoint, parameter, id=f"{endpoint.template} {parameter}")
    for endpoint in endpoints(_APP)
    for parameter in endpoint.parameters
]


def test_the_list_has_200_entries_and_the_app_dozens_of_places_for_them() -> None:
    assert len(set(LIST)) == len(LIST) >= 200
    assert len(PLACES) >= 25


@pytest.mark.parametrize(("endpoint", "parameter"), PLACES)
def test_no_spelling_leads_out(endpoint: Endpoint, parameter: str, attacked: Attacked) -> None:
    known = {"id": attacked.stock.done, "point": attacked.stock.point, "name": "front", "format": "svg", "number": "0"}
    method = "GET" if not endpoint.methods or "GET" in endpoint.methods else min(endpoint.methods)
    with Wire(attacked.server.port) as wire:
        for text in LIST:
            target = _target(endpoint, parameter, text, known)
            sent = request(method, target)
            answer = wire.ask(sent, method)
            if answer.status in (307, 308):
                _check_redirect(answer, attacked)
                continue
            assert answer.status in (400, 404, 405, 414, 422), (target, answer.status, answer.body[:200])
            check_problem(answer)
            check_silence(answer, sent, attacked.home)
    attacked.witness.check()


def _target(endpoint: Endpoint, parameter: str, text: bytes, known: dict[str, str]) -> bytes:
    target = endpoint.template.encode()
    for name in endpoint.parameters:
        value = text if name == parameter else known.get(name, "x").encode()
        for spelling in (b"{%s}" % name.encode(), b"{%s:path}" % name.encode()):
            target = target.replace(spelling, value)
    return target


def _check_redirect(answer: Answer, attacked: Attacked) -> None:
    """A redirect may take a slash away, and never leads to another host."""
    place = answer.headers["location"]
    assert place.startswith((f"http://127.0.0.1:{attacked.server.port}/", "http://127.0.0.1/")), place
