"""Settings: legal ones round-trip, illegal ones name the field."""

import json
from typing import Any

import pytest

from latency.errors import LatencyError, SettingError
from latency.setting import Setting


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"scope": "model", "batch": 4, "input_size": (640, 320), "dtype": "float16", "device": "cuda:1"},
        {"runtime": "graph", "device": "cuda", "clock": "host"},
        {"device": "sim:12", "threads": 2},
    ],
)
def test_survives_json(fields: dict[str, Any]) -> None:
    setting = Setting(**fields)
    assert Setting.from_dict(json.loads(json.dumps(setting.to_dict()))) == setting


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"scope": "head"}, "scope='head'"),
        ({"dtype": "int8"}, "dtype='int8'"),
        ({"runtime": "onnx"}, "runtime='onnx'"),
        ({"clock": "sundial"}, "clock='sundial'"),
        ({"batch": 0}, "batch=0"),
        ({"batch": True}, "batch=True"),
        ({"input_size": (224,)}, "input_size="),
        ({"input_size": (224, 0)}, "input_size="),
        ({"threads": 0}, "threads=0"),
        ({"device": "tpu"}, "device='tpu'"),
        ({"device": "sim"}, "device='sim'"),
        ({"device": "cuda:x"}, "device='cuda:x'"),
        ({"runtime": "graph"}, "needs device cuda"),
    ],
)
def test_names_the_field_that_is_wrong(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingError, match=words) as caught:
        Setting(**fields)
    assert isinstance(caught.value, LatencyError)


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(SettingError, match="no field 'precision'"):
        Setting.from_dict({"precision": "fp8"})


def test_reads_as_a_sentence_part() -> None:
    assert str(Setting(input_size=(64, 96), threads=2)) == "backbone, batch 1, 64x96, float32, eager, cpu, 2 threads"
