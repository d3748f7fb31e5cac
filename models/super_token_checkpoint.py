"""The released checkpoints of STViT: our names are theirs, so that only a classifier's end needs a decision.

Source: the key lists of the released ImageNet files (224 and 384 have the same: no parameter depends on a size).
"""

from collections.abc import Mapping

from torch import Tensor

from models.fitting import Fitted

_END = ("proj.", "norm.", "head.")


def fit_super_tokens(state: Mapping[str, Tensor], model: Mapping[str, Tensor]) -> Fitted:
    """Fit a checkpoint to a classifier or to a backbone.

    Args:
        state: the file's tensors.
        model: state dict of the model.
    Returns:
        the tensors; ignored are projection, norm and head, if the model is a backbone; optional then are output norms,
        which no classification file has.
    """
    ignored = tuple(name for name in state if name.startswith(_END) and name not in model)
    norms = frozenset(name for name in model if name.startswith("extra_norms.")) if ignored else frozenset()
    return Fitted({name: tensor for name, tensor in state.items() if name not in ignored}, ignored, norms)
