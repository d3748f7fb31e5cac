"""The released checkpoints of STViT-R: our names are theirs, so little is left to do.

Source: the key lists of the released ImageNet and COCO files.
"""

from collections.abc import Mapping

from torch import Tensor

from models.fitting import Fitted
from models.swin_convert import resize_bias_table, square_positions


def from_stvit_r_authors(state: Mapping[str, Tensor], model: Mapping[str, Tensor]) -> Fitted:
    """Fit a released checkpoint to a model: drop what it lacks a place for, resize tables.

    Args:
        state: the file's tensors; a classification file also has a norm and a head, and lacks the norms of the maps.
        model: state dict of the model.
    Returns:
        the tensors; ignored are a classifier's norm and head, masks and indices that follow from the size of map and
        window.
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
    classification = any(name.startswith("head.") for name in state)
    norms = {name for name in model if name.startswith("norm") and name[4].isdigit()} if classification else ()
    return Fitted(kept, tuple(dropped), frozenset(norms))
