"""Matrix products of inference on CPUs through oneDNN, with the GELU that follows them in the same call.

PyTorch sends matrix products to MKL, which on CPUs not made by Intel can take twice as long, and GELU walks over the
result again. The operator used here is the one that `torch.compile` emits for CPUs. It is no public interface, so
everything here also works without it.
"""

import torch
from torch import Tensor

_PRODUCT = getattr(torch.ops.mkldnn, "_linear_pointwise", None)


def product(x: Tensor, weight: Tensor, bias: Tensor | None, gelu: bool = False) -> Tensor | None:
    """`linear(x, weight, bias)`, then the exact GELU where asked for; None where only PyTorch's own operators will do.

    That is so wherever gradients are wanted, a graph is recorded, operators are counted, or numbers are not float32.

    Args:
        x: (..., C) in any layout.
        weight: (C', C).
        bias: (C',).
    Returns:
        (..., C').
    """
    if (
        _PRODUCT is None
        or torch.is_grad_enabled()
        or torch.compiler.is_compiling()
        or torch._C._get_tracing_state() is not None
        or not (x.is_cpu and x.dtype == weight.dtype == torch.float32 and torch.backends.mkldnn.enabled)
        or torch.is_autocast_enabled("cpu")
        or torch.utils._python_dispatch.is_in_torch_dispatch_mode()
        or x.numel() == 0
    ):
        return None
    rows = x.reshape(-1, x.shape[-1])
    result: Tensor = _PRODUCT(rows, weight, bias, "gelu" if gelu else "none", [], "none")
    return result.view(*x.shape[:-1], weight.shape[0])
