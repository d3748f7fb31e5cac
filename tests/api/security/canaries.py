"""Things that leave a file behind if anybody executes them: pickles in every wrapping, configs that are code."""

import io
import pickle
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

_MAGIC = 0x1950A86A20F9469CFC6C
"""How torch's older files begin."""


class _Touch:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (str(self._path), "w"))


def pickles(folder: Path) -> dict[str, bytes]:
    """Pickled canaries by shape; the canary of a shape is the file `folder/<shape>`."""

    def touch(shape: str, protocol: int = 2) -> bytes:
        return pickle.dumps(_Touch(folder / shape.replace(" ", "-")), protocol)

    return {
        **{f"plain protocol {protocol}": touch(f"plain protocol {protocol}", protocol) for protocol in range(6)},
        "zip": _zip({"archive/data.pkl": touch("zip"), "archive/version": b"3\n"}),
        "legacy": pickle.dumps(_MAGIC) + pickle.dumps(1001) + pickle.dumps({"little_endian": True}) + touch("legacy"),
        "7z": _seven_zip(touch("7z")),
        "torchscript": _zip(
            {
                "archive/code/__torch__.py": b"class M(Module):\n  pass\n",
                "archive/data.pkl": touch("torchscript"),
                "archive/constants.pkl": touch("torchscript"),
            }
        ),
        "tar": _tar({"storages": touch("tar"), "tensors": touch("tar"), "pickle": touch("tar")}),
        "zlib": zlib.compress(touch("zlib")),
        "numpy": b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(118)
        + touch("numpy"),
        "behind a safetensors header": _safetensors(touch("behind a safetensors header"), 4),
        "as the data of a tensor": _safetensors(touch("as the data of a tensor"), None),
        "zip as the data of a tensor": _safetensors(_zip({"data.pkl": touch("zip as the data of a tensor")}), None),
    }  # fmt: skip


def _zip(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def _tar(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def _seven_zip(content: bytes) -> bytes:
    """A 7z archive of one stored (not compressed) stream."""
    size = len(content)
    assert size < 2**14
    number = bytes([0x80 | size >> 8, size & 255])
    header = b"\x01\x04\x06\x00\x01\x09" + number + b"\x00\x07\x0b\x01\x00\x01\x01\x00\x0c" + number + b"\x00\x00\x00"
    start = struct.pack("<QQI", size, len(header), zlib.crc32(header))
    return b"7z\xbc\xaf\x27\x1c\x00\x04" + struct.pack("<I", zlib.crc32(start)) + start + content + header


def _safetensors(content: bytes, covered: int | None) -> bytes:
    """A safetensors file with `content` as data, of which the only tensor covers so many bytes; None: all."""
    size = len(content) if covered is None else covered
    header = b'{"a": {"dtype": "U8", "shape": [%d], "data_offsets": [0, %d]}}' % (size, size)
    return struct.pack("<Q", len(header)) + header + content


def configs(folder: Path) -> dict[str, str]:
    """The six ways by which mmcv's Config runs code from data, as texts; the canaries are files in `folder`."""

    def touch(name: str) -> str:
        return f"open('{folder / name}', 'w')"

    evil = folder / "evil.py"
    return {
        "a config in Python": f"a = {touch('python')}",
        "YAML with a tag": f"!!python/object/apply:builtins.open ['{folder / 'yaml'}', 'w']",
        "JSON with custom_imports": f'{{"custom_imports": {{"imports": ["{evil.stem}"]}}}}',
        "JSON with a _base_ in Python": f'{{"_base_": "{evil}"}}',
        "a string with a quote": f"x' + str({touch('string')}) + '",
        "a key with a quote": f"k': 1, str({touch('key')}): '",
        "a template": f"{{{{ {touch('template')} }}}}",
        "a path of a config": str(evil),
    }
