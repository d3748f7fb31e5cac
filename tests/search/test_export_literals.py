"""Config text: what is written reads back equal, and nothing but data is ever written or read."""

import ast
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.errors import ExportError
from search.export.literals import BESIDE, dump, parse

HOSTILE = (
    "'+__import__('os').system('x')+'",
    '"""',
    "a'b\"c\\",
    "line\nbreak\r\n",
    "\u202egnp.exe",
    "\ud800",
    "{ 'a': 1 }",
    "}} {",
    "# not a comment",
    "\x00",
)

names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: name.isidentifier() and not _reserved(name)
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**62), 2**62)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text().filter(lambda text: "{{" not in text)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=6).filter(lambda text: "{{" not in text), inner, max_size=4)
    ),
    max_leaves=12,
)


def _reserved(name: str) -> bool:
    import keyword

    return keyword.iskeyword(name) or name in {"filename", "text", "pretty_text", "env_variables"}


@given(st.dictionaries(names, values, max_size=4))
def test_any_nest_of_literals_reads_back_equal_with_equal_types(config: dict[str, Any]) -> None:
    read = parse(dump(config))
    assert repr(read) == repr(config)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_string_stays_a_string_as_value_and_as_key(text: str) -> None:
    config = {"value": text, "table": {text: [text, (text,)]}}
    written = dump(config, header=text)
    assert parse(written) == config
    assert {type(node) for node in ast.parse(written).body} == {ast.Assign}
    assert not [node for node in ast.walk(ast.parse(written)) if isinstance(node, ast.Call | ast.Attribute)]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (float("nan"), "no literal"),
        (float("inf"), "no literal"),
        ({1, 2}, "no literal"),
        (b"bytes", "no literal"),
        (object(), "no literal"),
        ({1: "a"}, "key must be a string"),
        ("{{ fileDirname }}", "double braces"),
        ("{{ fileDirname }}/../secret", "double braces"),
        ({"{{ _base_.x }}": 1}, "double braces"),
    ],
)
def test_what_is_no_literal_is_refused_with_its_place(value: object, reason: str) -> None:
    with pytest.raises(ExportError, match=reason) as error:
        dump({"outer": {"inner": [value]}})
    assert "outer.inner[0]" in str(error.value)


def test_a_numpy_float_is_refused_because_its_repr_is_a_call() -> None:
    import numpy as np

    with pytest.raises(ExportError, match="float64"):
        dump({"lr": np.float64(1e-5)})


@pytest.mark.parametrize("name", ["_base_", "__name__", "not a name", "class", "filename", "", "a.b", "\u00aaa"])
def test_a_top_level_name_that_mmcv_treats_specially_is_refused(name: str) -> None:
    with pytest.raises(ExportError, match="top-level name"):
        dump({name: 1})


def test_the_folder_template_is_allowed_for_plain_file_names() -> None:
    assert parse(dump({"load_from": BESIDE + "weights-01ab.pth"}))["load_from"] == BESIDE + "weights-01ab.pth"


@pytest.mark.parametrize(
    "text",
    [
        "import os",
        "x = dict(a=1)",
        "x = __import__('os')",
        "x = [i for i in (1,)]",
        "x = f'{1}'",
        "x = {1, 2}",
        "x = b''",
        "x = 1 + 1",
        "x = 1j",
        "x = {**{}}",
        "x = y = 1",
        "x, y = 1, 2",
        "x.y = 1",
        "x = 1; x = 2",
        "x: int = 1",
        "x = ~1",
        "x = (",
        "x = '\x00'",
    ],
)
def test_a_text_with_anything_but_literal_assignments_is_refused(text: str) -> None:
    with pytest.raises(ExportError):
        parse(text)


def test_nesting_beyond_reason_is_refused_not_a_crash() -> None:
    deep: Any = 1
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(ExportError, match="deeper"):
        dump({"deep": deep})
    with pytest.raises(ExportError):
        parse("x = " + "[" * 5000 + "]" * 5000)


def test_long_values_are_folded_and_short_ones_stay_on_a_line() -> None:
    text = dump({"short": {"a": 1}, "long": {f"key_{i}": [i] * 9 for i in range(9)}, "one": ("x" * 120,)})
    assert "short = {'a': 1}\n" in text
    assert max(map(len, text.splitlines())) < 140
    assert parse(text)["one"] == ("x" * 120,)
