"""Every bad input of the tables: the promised refusal, a problem document, nothing of the inside, nothing written."""

import dataclasses

import pytest

from tests.api.bad_inputs import bodies, headers, numbers, queries, texts, weights
from tests.api.bad_inputs.cases import Case
from tests.api.bad_inputs.conftest import Attacked
from tests.api.bad_inputs.judging import check_problem, check_silence
from tests.api.bad_inputs.stock import Stock
from tests.api.bad_inputs.wire import exchange, request

TABLES: dict[str, tuple[Case, ...]] = {
    "numbers": numbers.ALL,
    "texts": texts.ALL,
    "bodies": bodies.ALL,
    "headers": headers.ALL,
    "queries": queries.ALL,
    "weights": weights.ALL,
}
CASES = [pytest.param(case, id=f"{table}: {case.name}") for table, cases in TABLES.items() for case in cases]


def test_there_are_at_least_300_of_them_and_no_two_are_the_same() -> None:
    cases = [case for cases in TABLES.values() for case in cases]
    different = {dataclasses.replace(case, name="") for case in cases}
    assert len(different) == len(cases)
    assert len(cases) >= 300
    assert {case.status for case in cases} <= {400, 403, 404, 405, 409, 413, 414, 415, 416, 422, 431}


@pytest.mark.parametrize("case", CASES)
def test_it_is_refused_as_promised_and_leaves_nothing_behind(case: Case, attacked: Attacked) -> None:
    target = filled(case.target, attacked.stock)
    sent = request(case.method, target, case.headers, case.body, host=case.host)
    answer = exchange(attacked.server.port, sent, case.method)
    check_problem(answer, case.status, case.type, head=case.method == "HEAD")
    check_silence(answer, sent, attacked.home)
    if case.pointer is not None:
        pointers = [error["pointer"] for error in answer.json()["errors"]]
        assert any(pointer.startswith(case.pointer) for pointer in pointers), pointers
    attacked.witness.check()


def filled(target: bytes, stock: Stock) -> bytes:
    """A target with the ids that it stands for."""
    names = dataclasses.asdict(stock) | {"part": stock.done[:10], "DONE": stock.done.upper()}
    for name, value in names.items():
        target = target.replace(b"{%s}" % name.encode(), str(value).encode())
    return target
