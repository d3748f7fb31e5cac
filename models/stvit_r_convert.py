"""The released checkpoints of STViT-R: our names are theirs, so little is left to do.

Source: the key lists of the released ImageNet and COCO files.
"""

from collections.abc import Mapping

from torch import Tensor

from models.swin_convert import resize_bias_table, square_positions


def from_stvit_r_authors(
    state: Mapping[str, Tensor], model: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], list[str]]:
    """Fit a released checkpoint to a model: drop what it lacks a place for, resize tables.

    Args:
        state: the file's tensors; a classification file also has a norm and a head.
        model: state dict of the model.
    Returns:
        the tensors, and the names that were dropped: a classifier's norm and head, masks and indices that follow from
        the size of map and window. Whatever else does not fit is kept, for strict loading to complain about.
    Raises:
        CheckpointError: a position table fits no size of the model.
    """
    kept, dropped = {}, []
    for name, tensor in state.items():
        head = name.startswith(("norm.", "head.")) and name not in model
        index = name.endswith("relative_position_index") and name in model and model[name].shape != tensor.shape
        if head or index or name.endswith("attn_mask"):
            dropped.append(name)
            continue
        if name.endswith("relative_position_bias_table") and name in model:
            tensor = resize_bias_table(tensor, model[name])
        elif name == "absolute_pos_embed" and name in model and tensor.dim() == 3:
            tensor = square_positions(tensor, model[name])
        kept[name] = tensor
    return kept, dropped
