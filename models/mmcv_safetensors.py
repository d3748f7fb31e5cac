"""mmcv reads `.safetensors` files: `load_from='x.safetensors'` works in any config, also in stock mmdet tools.

Importing this module registers the reader with mmcv's checkpoint loader.
"""

from typing import Any

from mmcv.runner.checkpoint import CheckpointLoader

from models.checkpoint import read_checkpoint


@CheckpointLoader.register_scheme(prefixes=r".*\.safetensors$")  # type: ignore[untyped-decorator]  # mmcv is untyped
def load_safetensors(filename: str, map_location: Any = None) -> dict[str, Any]:
    """A checkpoint as mmcv expects it: the tensors under `state_dict`.

    Args:
        filename: path of the file.
        map_location: ignored; tensors are read to the CPU and copied into the model from there.
    Raises:
        CheckpointError: no such file, or no safetensors file.
    """
    return {"state_dict": read_checkpoint(filename)}
