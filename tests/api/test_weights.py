"""Weights from strangers: only a flawless safetensors header passes, and nothing is ever executed."""

import io
import json
import pickle
import random
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from api.weights import (
    HEADER_BYTES,
    TENSORS,
    ForeignFileError,
    WeightsError,
    check_header,
    header_length,
)

GOOD: dict[str, Any] = {
    "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
    "b": {"dtype": "F16", "shape": [4], "data_offsets": [24, 32]},
    "empty": {"dtype": "I64", "shape": [0, 7], "data_offsets": [32, 32]},
}


def header(entries: object) -> bytes:
    return json.dumps(entries).encode()


def changed(name: str, **fields: object) -> dict[str, Any]:
    return {**GOOD, name: {**GOOD[name], **fields}}


def test_a_good_header_says_what_is_inside() -> None:
    contents = check_header(header({"__metadata__": {"format": "pt"}, **GOOD}) + b"   ", 32)
    assert (contents.tensors, contents.values, contents.dtypes) == (3, 10, ("F16", "F32", "I64"))


def test_what_the_library_writes_is_taken() -> None:
    tensors = {f"layer{n}.weight": torch.zeros(n, 3, dtype=torch.bfloat16) for n in range(5)}
    file = save({**tensors, "scalar": torch.tensor(1.0), "flags": torch.tensor([True])})
    length = header_length(file[:8])
    assert check_header(file[8 : 8 + length], len(file) - 8 - length).tensors == 7


@pytest.mark.parametrize(
    ("entries", "word"),
    [
        ({}, "names 0 tensors"),
        ([], "JSON object"),
        ({**GOOD, "__metadata__": {"a": 1}}, "__metadata__"),
        ({**GOOD, "__metadata__": []}, "__metadata__"),
        (changed("a", dtype="F31"), "dtype 'F31' is not taken"),
        (changed("a", dtype=["F32"]), "is not taken"),
        (changed("a", shape=[2, -3]), "shape"),
        (changed("a", shape=[2, 2.5]), "shape"),
        (changed("a", shape=[True, 6]), "shape"),
        (changed("a", shape="23"), "shape"),
        (changed("a", shape=[1] * 33), "shape"),
        (changed("a", shape=[2**62, 2**62, 2**62]), "has 3"),
        (changed("a", shape=[2**70]), "shape"),
        (changed("a", data_offsets=[0, 24, 24]), "data_offsets"),
        (changed("a", data_offsets=[24, 0]), "give it -24"),
        (changed("a", data_offsets=[-24, 0]), "data_offsets"),
        (changed("b", data_offsets=[20, 28]), "begins at byte 20"),
        (changed("b", data_offsets=[25, 33]), "begins at byte 25"),
        (changed("a", shape=[2, 2]), "has 16 bytes, data_offsets give it 24"),
        ({**GOOD, "a": 1}, "exactly dtype, shape and data_offsets"),
        (changed("a", more=1), "exactly dtype, shape and data_offsets"),
        ({**GOOD, "x" * 600: {"dtype": "I8", "shape": [0], "data_offsets": [32, 32]}}, "1 to 512 characters"),
        ({**GOOD, "": {"dtype": "I8", "shape": [0], "data_offsets": [32, 32]}}, "1 to 512 characters"),
    ],
)
def test_a_header_with_a_flaw_is_refused_by_name(entries: object, word: str) -> None:
    with pytest.raises(WeightsError, match=word):
        check_header(header(entries), 32)


@pytest.mark.parametrize("data_bytes", [0, 31, 33, 2**40])
def test_the_file_must_end_where_the_tensors_do(data_bytes: int) -> None:
    with pytest.raises(WeightsError, match="the tensors end at byte 32"):
        check_header(header(GOOD), data_bytes)


@pytest.mark.parametrize("text", [b"{", b'{"a": NaN}', b"\xff\xfe{}", b'{"a": 1, "a": 1}', b"[" * 9999, b"\0" * 40])
def test_a_header_that_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(WeightsError, match="not valid JSON"):
        check_header(text, 32)


def test_too_many_tensors_are_refused() -> None:
    entry = {"dtype": "I8", "shape": [0], "data_offsets": [0, 0]}
    with pytest.raises(WeightsError, match="100001 tensors"):
        check_header(header({str(number): entry for number in range(TENSORS + 1)}), 0)


@pytest.mark.parametrize("length", [0, 1, HEADER_BYTES + 1, 2**63, 2**64 - 1])
def test_a_header_of_no_sensible_length_is_refused(length: int) -> None:
    with pytest.raises(WeightsError):
        header_length(length.to_bytes(8, "little"))


@pytest.mark.parametrize("lead", [b"", b"1234567"])
def test_a_file_that_ends_before_it_begins_is_refused(lead: bytes) -> None:
    with pytest.raises(WeightsError, match=f"has {len(lead)} bytes"):
        header_length(lead)


class Canary:
    """Runs when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._path,)


def foreign_files(canary: Path) -> dict[str, bytes]:
    """Files of other kinds, most of which would touch the canary if they were opened."""
    zipped, plain = io.BytesIO(), pickle.dumps(Canary(canary))
    torch.save({"model": Canary(canary)}, zipped)
    legacy = io.BytesIO()
    torch.save({"model": Canary(canary)}, legacy, _use_new_zipfile_serialization=False)
    wrapped = io.BytesIO()
    with zipfile.ZipFile(wrapped, "w") as archive:
        archive.writestr("archive/data.pkl", plain)
    protocols = {f"pickle-{n}": pickle.dumps(Canary(canary), protocol=n) for n in range(6)}
    return {
        "torch": zipped.getvalue(),
        "legacy": legacy.getvalue(),
        "zip": wrapped.getvalue(),
        "7z": b"7z\xbc\xaf\x27\x1c\0\x04" + bytes(100),
        "gzip": b"\x1f\x8b\x08" + bytes(100),
        **protocols,
    }


def test_files_of_other_kinds_are_told_apart_without_opening_them(tmp_path: Path) -> None:
    for name, file in foreign_files(tmp_path / "canary").items():
        with pytest.raises((ForeignFileError, WeightsError)) as refused:
            length = header_length(file[:8])
            check_header(file[8 : 8 + length], len(file) - 8 - length)
        # some begin like the length of a small header; what follows is no JSON then
        known = name not in ("pickle-0", "pickle-1", "gzip")
        assert isinstance(refused.value, ForeignFileError) == known, name
    assert not (tmp_path / "canary").exists()


def test_flipped_bits_never_do_more_than_get_refused() -> None:
    good, rng = header(GOOD), random.Random(5)
    refused = 0
    for _ in range(2000):
        flipped = bytearray(good)
        flipped[rng.randrange(len(good))] ^= 1 << rng.randrange(8)
        try:
            check_header(bytes(flipped), 32)
        except WeightsError:
            refused += 1
    assert 1000 < refused < 2000  # some only change a name
