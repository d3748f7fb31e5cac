"""Weights files from strangers: the header of a safetensors file, read with suspicion and without any library.

A file is 8 bytes (little endian) that say how long the header is, the header (JSON), and the tensors' bytes.
Nothing here builds a tensor, and nothing ever opens a pickle.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from api.security import strict_json

HEADER_BYTES = 8 * 2**20
TENSORS = 100_000
NAME_LENGTH = 512
DIMENSIONS = 32

BITS: Mapping[str, int] = MappingProxyType(
    {
        "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8,
        "U16": 16, "I16": 16, "F16": 16, "BF16": 16,
        "U32": 32, "I32": 32, "F32": 32,
        "U64": 64, "I64": 64, "F64": 64, "C64": 64,
    }
)  # fmt: skip
"""Bits per value of every dtype that is taken."""

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"PK", "a zip archive (what torch.save writes)"),
    (b"\x80", "a pickle"),
    (b"(", "a pickle"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\x89HDF", "an HDF5 file"),
    (b"GGUF", "a GGUF file"),
    (b"ustar", "a tar archive"),
    (b"\x7fELF", "a program"),
)


class ForeignFileError(ValueError):
    """The file is recognisably of another kind; the message says which."""


class WeightsError(ValueError):
    """The file is no whole, plain safetensors file; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a header says.

    Args:
        tensors: how many.
        values: numbers in all of them.
        dtypes: those that occur, sorted.
    """

    tensors: int
    values: int
    dtypes: tuple[str, ...]


def header_length(lead: bytes) -> int:
    """Bytes of the header, from the first 8 bytes of a file.

    Raises:
        ForeignFileError: they are the beginning of a pickle, an archive, ...
        WeightsError: they are fewer than 8, or the header would be empty or larger than `HEADER_BYTES`.
    """
    length = int.from_bytes(lead[:8], "little")
    if len(lead) >= 8 and 2 <= length <= HEADER_BYTES:
        return length
    for signature, what in _SIGNATURES:
        if lead.startswith(signature):
            raise ForeignFileError(f"this is {what}; only safetensors files are taken, they cannot hold code")
    if len(lead) < 8:
        raise WeightsError(f"the file has {len(lead)} bytes; a safetensors file begins with 8 that hold a length")
    raise WeightsError(f"the header would have {length} bytes; 2 to {HEADER_BYTES} are taken")


def check_header(header: bytes, data_bytes: int) -> Contents:
    """Whether the tensors of a header fill the rest of the file exactly, without gaps or overlaps.

    Args:
        header: the JSON.
        data_bytes: bytes of the file after the header.
    Raises:
        WeightsError: they do not, or the header is malformed; names the tensor.
    """
    try:
        entries = strict_json.parse(header)
    except strict_json.JsonError as error:
        raise WeightsError(f"the header is not valid JSON: {error}") from None
    if not isinstance(entries, dict):
        raise WeightsError("the header must be a JSON object")
    _check_metadata(entries.pop("__metadata__", {}))
    if not 1 <= len(entries) <= TENSORS:
        raise WeightsError(f"the header names {len(entries)} tensors; 1 to {TENSORS} are taken")
    spans = sorted((*_span(name, entry), name) for name, entry in entries.items())
    position = 0
    for begin, end, name in spans:
        if begin != position:
            raise WeightsError(f"tensor {_quoted(name)} begins at byte {begin}; the one before it ends at {position}")
        position = end
    if position != data_bytes:
        raise WeightsError(f"the tensors end at byte {position}, the file has {data_bytes} bytes of data")
    values = sum(_values(entry["shape"]) for entry in entries.values())
    return Contents(len(entries), values, tuple(sorted({entry["dtype"] for entry in entries.values()})))


def _check_metadata(metadata: object) -> None:
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise WeightsError("__metadata__ must be an object of strings")


def _span(name: str, entry: Any) -> tuple[int, int]:
    where = f"tensor {_quoted(name)}"
    if not name or len(name) > NAME_LENGTH:
        raise WeightsError(f"{where}: a name must have 1 to {NAME_LENGTH} characters")
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise WeightsError(f"{where} must have exactly dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in BITS:
        raise WeightsError(f"{where}: dtype {str(dtype)[:20]!r} is not taken; choose from {', '.join(BITS)}")
    if not isinstance(shape, list) or len(shape) > DIMENSIONS or not all(map(_natural, shape)):
        raise WeightsError(f"{where}: shape must be a list of at most {DIMENSIONS} whole numbers from 0")
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(map(_natural, offsets)):
        raise WeightsError(f"{where}: data_offsets must be [begin, end]")
    begin, end = offsets
    expected = _values(shape) * BITS[dtype] // 8
    if end - begin != expected:
        raise WeightsError(
            f"{where}: {dtype} of shape {shape} has {expected} bytes, data_offsets give it {end - begin}"
        )
    return begin, end


def _natural(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _values(shape: list[int]) -> int:
    product = 1
    for side in shape:
        product *= side
    return product


def _quoted(name: str) -> str:
    return repr(name if len(name) <= 80 else name[:79] + "…")
