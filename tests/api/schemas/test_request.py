"""The body of a request: what is enough, what is refused, and where the refusal points."""

from typing import Any, get_args

import pytest
from pydantic import ValidationError

from api.schemas.job import job_of
from api.schemas.request import PRESETS, SamplerName, SearchRequest
from search.samplers import SAMPLERS
from search.targets import BUILTIN

MINIMAL: dict[str, Any] = {"target": "digits-sparsevit", "max_ms": 12}
TARGET = BUILTIN["digits-sparsevit"]


def test_two_fields_are_enough_and_the_target_fills_in_the_rest() -> None:
    job = job_of(SearchRequest.model_validate(MINIMAL), TARGET)
    assert (job.target, job.budget.max_ms, job.budget.min_ms, job.budget.statistic) == (
        TARGET.name,
        12.0,
        None,
        "median",
    )
    assert (job.setting.input_size, job.setting.batch, job.setting.scope) == ((336, 336), 1, "backbone")
    assert (job.evaluations, job.workers, job.pool, job.metric) == (64, 1, "serial", TARGET.metric)
    assert job.output is None and job.latency_model is None and job.id == ""


def test_everything_that_can_be_asked_reaches_the_job() -> None:
    body = {
        **MINIMAL,
        "min_ms": 8.5,
        "stat": "p95",
        "setting": {
            "scope": "model",
            "batch": 2,
            "img_size": [224, 448],
            "dtype": "bfloat16",
            "runtime": "compile",
            "device": "cuda:1",
            "threads": 3,
        },
        "effort": {"preset": "quick", "seconds": 30, "images": 8, "workers": 2},
        "sampler": "tpe",
        "seed": 7,
        "name": "night run",
        "labels": {"team": "vision"},
    }
    job = job_of(SearchRequest.model_validate(body), TARGET)
    assert (job.budget.min_ms, job.budget.statistic) == (8.5, "p95")
    asked = job.setting
    assert (asked.scope, asked.batch, asked.input_size) == ("model", 2, (224, 448))
    assert (asked.dtype, asked.runtime, asked.device, asked.threads) == ("bfloat16", "compile", "cuda:1", 3)
    assert (job.evaluations, job.seconds, job.images) == (PRESETS["quick"], 30.0, 8)
    assert (job.workers, job.pool) == (2, "ray")
    assert (job.sampler, job.seed, job.name, dict(job.labels)) == ("tpe", 7, "night run", {"team": "vision"})


def test_evaluations_count_more_than_the_preset() -> None:
    effort = {"preset": "thorough", "evaluations": 5}
    assert SearchRequest.model_validate({**MINIMAL, "effort": effort}).evaluations == 5


def test_the_samplers_of_the_schema_are_those_there_are() -> None:
    assert set(get_args(SamplerName)) == set(SAMPLERS)


@pytest.mark.parametrize(
    ("where", "change"),
    [
        *[(("max_ms",), {"max_ms": bad}) for bad in ("42", "42ms", True, None, [], {}, 0, -0.0, -1, 1e-9, 1e308)],
        *[(("max_ms",), {"max_ms": bad}) for bad in (float("nan"), float("inf"), -float("inf"))],
        *[(("min_ms",), {"min_ms": bad}) for bad in (12, 13.5, 0, "1", False)],
        (("stat",), {"stat": "mean"}),
        (("target",), {"target": "../../etc/passwd"}),
        (("target",), {"target": "A"}),
        (("target",), {"target": 3}),
        (("output",), {"output": "/tmp/x"}),
        (("checkpoint",), {"checkpoint": "http://example.com/w.pth"}),
        *[(("setting", "batch"), {"setting": {"batch": bad}}) for bad in (0, 2**31, 1.5, "1", True)],
        (("setting", "img_size"), {"setting": {"img_size": [224]}}),
        (("setting", "img_size", 1), {"setting": {"img_size": [224, 673]}}),
        (("setting", "img_size"), {"setting": {"img_size": "224"}}),
        (("setting", "device"), {"setting": {"device": "cuda:0; rm -rf /"}}),
        (("setting", "device"), {"setting": {"device": "sim:"}}),
        (("setting", "model"), {"setting": {"model": "x"}}),
        *[(("effort", "evaluations"), {"effort": {"evaluations": bad}}) for bad in (0, 10**12, 1.0, "5")],
        (("effort", "preset"), {"effort": {"preset": "maximal"}}),
        (("effort", "workers"), {"effort": {"workers": 0}}),
        *[(("seed",), {"seed": bad}) for bad in (-1, 2**63, 2**64, 0.5, "0")],
        *[(("name",), {"name": bad}) for bad in ("x" * 10_000, "a\r\nSet-Cookie: b", "\u202egnp.exe", "\0", 5)],
        (("labels",), {"labels": {"Team": "x"}}),
        (("labels",), {"labels": {"team": "\n"}}),
        (("labels", "team"), {"labels": {"team": 5}}),
        (("labels",), {"labels": {f"k{i}": "" for i in range(33)}}),
    ],
    ids=str,
)
def test_a_wrong_field_is_refused_by_name(where: tuple[str | int, ...], change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        SearchRequest.model_validate({**MINIMAL, **change})
    assert [error["loc"] for error in caught.value.errors()] == [where]


@pytest.mark.parametrize(
    "name", ["<img src=x onerror=alert(1)>", "{{7*7}}", "=cmd()", "grün 🚀", "'+__import__('os')+'"]
)
def test_text_that_is_only_dangerous_elsewhere_is_taken_as_text(name: str) -> None:
    request = SearchRequest.model_validate({**MINIMAL, "name": name, "labels": {"a": name}})
    assert request.name == name and request.labels == {"a": name}


def test_a_lone_surrogate_is_no_text() -> None:
    with pytest.raises(ValidationError):
        SearchRequest.model_validate({**MINIMAL, "name": "\ud800"})
