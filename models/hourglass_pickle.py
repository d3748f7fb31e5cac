"""Mask2Former's files: a pickled dict of arrays, read without running code from it.

Detectron2 writes `{"model": {name: array}, "__author__": ..., "matching_heuristics": ...}`. A pickle may call anything;
this reader lets it call what makes an array, and nothing else.
"""

import io
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.errors import CheckpointError


def _latin1(text: str, encoding: str) -> bytes:
    # how pickles of protocol 2 carry bytes; the encoding is the only one they use
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"unexpected encoding {encoding!r}")
    return text.encode("latin1")


# what numpy itself names as the makers of arrays and of scalars; its modules have moved between numpy 1 and 2
_MAKERS: Mapping[str, tuple[Any, ...]] = {
    "multiarray": (np.zeros(0).__reduce__()[0], np.float32(0).__reduce__()[0]),
    "numeric": (np.zeros(0).__reduce_ex__(5)[0],),
}
_ALLOWED: Mapping[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("_codecs", "encode"): _latin1,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    **{
        (f"numpy.{core}.{module}", maker.__name__): maker
        for core in ("core", "_core")
        for module, makers in _MAKERS.items()
        for maker in makers
    },
}


class _Arrays(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it wants to call {module}.{name}")
        return _ALLOWED[module, name]


def read_pickled_arrays(path: Path) -> dict[str, Tensor]:
    """The arrays of a `.pkl` file, bare or under `model`.

    Raises:
        CheckpointError: damaged, no dict of arrays, or a file that wants more than arrays made.
    """
    try:
        content = _Arrays(io.BytesIO(path.read_bytes())).load()
    except Exception as error:  # damaged pickles raise whatever their last complete instruction raises
        raise CheckpointError(
            f"checkpoint {path} is damaged, or holds more than arrays and is not loaded for safety: {error}; "
            f"convert it to .safetensors where you trust it"
        ) from None
    if isinstance(content, Mapping) and isinstance(content.get("model"), Mapping):
        content = content["model"]
    arrays = content.items() if isinstance(content, Mapping) else ()
    state = {
        name: torch.from_numpy(np.ascontiguousarray(array))
        for name, array in arrays
        if isinstance(name, str) and isinstance(array, np.ndarray) and array.dtype.kind in "fiub"
    }
    if not state:
        raise CheckpointError(f"checkpoint {path} holds no arrays; expected a pickled dict, bare or under 'model'")
    return state
