"""The released checkpoints of STViT: our names are theirs, so that only a classifier's end needs a decision.

Source: the key lists of the released ImageNet files (224 and 384 have the same: no parameter depends on a size).
"""

from collections.abc import Mapping

from torch import Tensor

_END = ("proj.", "norm.", "head.")


def is_super_token(state: Mapping[str, Tensor]) -> bool:
    """Whether the keys are those of STViT; its one-hot kernels are like nobody else's."""
    return any(name.endswith(".attn.unfold.weights") for name in state)


def fit_super_tokens(
    state: Mapping[str, Tensor], model: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], list[str], set[str]]:
    """Fit a checkpoint to a classifier or to a backbone.

    Args:
        state: the file's tensors.
        model: state dict of the model.
    Returns:
        the tensors; the names that were dropped (projection, norm and head, if the model is a backbone); the names that
        may be missing (output norms, which no classification file has).
    """
    dropped = [name for name in state if name.startswith(_END) and name not in model]
    optional = {name for name in model if name.startswith("extra_norms.")} if dropped else set()
    return {name: tensor for name, tensor in state.items() if name not in dropped}, dropped, optional
