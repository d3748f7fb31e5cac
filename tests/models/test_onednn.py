"""The product through oneDNN is that of PyTorch, and steps aside where it cannot serve."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from models.onednn import product


@pytest.mark.parametrize("gelu", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("layout", ["packed", "transposed", "cropped"])
def test_it_is_pytorchs_linear_and_gelu(layout: str, bias: bool, gelu: bool) -> None:
    x = torch.randn(2, 5, 7, 24)
    x = {"packed": x, "transposed": x.transpose(1, 2), "cropped": x[:, :3, 1:]}[layout]
    weight, shift = torch.randn(40, 24), torch.randn(40) if bias else None
    expected = F.linear(x, weight, shift)
    with torch.inference_mode():
        result = product(x, weight, shift, gelu)
    assert result is not None
    torch.testing.assert_close(result, F.gelu(expected) if gelu else expected, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "where",
    [
        torch.enable_grad,
        lambda: torch.autocast("cpu", torch.bfloat16),
        lambda: torch.backends.mkldnn.flags(enabled=False),
        lambda: FlopCounterMode(display=False),
    ],
    ids=["gradients", "autocast", "oneDNN is off", "operators are counted"],
)
@pytest.mark.filterwarnings("ignore:TF32 acceleration on top of oneDNN")
def test_it_steps_aside(where: Callable[[], AbstractContextManager[object]]) -> None:
    with torch.no_grad():
        assert product(torch.ones(2, 3), torch.ones(4, 3), None) is not None
        with where():
            assert product(torch.ones(2, 3), torch.ones(4, 3), None) is None


@pytest.mark.parametrize("x", [torch.ones(2, 3).half(), torch.ones(2, 3, device="meta"), torch.ones(0, 3)])
def test_it_leaves_other_numbers_to_pytorch(x: Tensor) -> None:
    with torch.no_grad():
        assert product(x, torch.ones(4, 3), None) is None
