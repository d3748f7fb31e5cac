"""Golden cases of STViT: logits, stage maps, associations, super tokens, a training step, key lists."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from models.super_token import SuperTokenClassifier
from models.zoo import build
from tests.golden_result import GoldenResult

LOGITS = 1e-5
MAPS = 5e-5
RELATIVE, ABSOLUTE = 1e-5, 1e-6
"""The rule of the recording for everything else: 1e-5 of the largest value, plus 1e-6."""

TRACED = {
    "after_cpe": "position",
    "norm1": "normed",
    "attn_out": "attention",
    "ffn_out": "feed_forward",
    "stokens": "super_tokens",
    "stokens_refined": "super_tokens_refined",
}
"""Recorded name inside a block, and what our trace calls it."""


def knows(path: Path, content: dict[str, Any]) -> bool:
    """Whether a JSON file is one of STViT."""
    return path.stem.startswith("keys_stvit_") or "models/stvit.py" in content.get("original_class", "")


def check(path: Path, content: dict[str, Any]) -> Iterator[GoldenResult]:
    """One JSON file: a key list or a case."""
    if "state" in content:
        yield from _keys(path, content)
        return
    tensors = load_file(path.with_suffix(".safetensors"))
    read = {"input"}
    training = content["mode"] == "train"
    model = _model(path, content).train(training)
    image = tensors["input"].requires_grad_(training)
    traced: dict[str, Tensor] = {}
    with torch.set_grad_enabled(training):
        logits = model(image, trace=traced.__setitem__)
    ours = {"output.0": logits, **_as_recorded(traced)}
    if training:
        loss = F.cross_entropy(logits, torch.tensor(content["labels"]))
        loss.backward()
        gradients = {name: p.grad for name, p in model.named_parameters()} | {"input": image.grad}
        ours |= {"output.loss": loss.view(1)}
        ours |= {f"grad.{name}": grad for name, grad in gradients.items() if grad is not None}
        ours |= {f"buffer_after.{name}": buffer for name, buffer in model.named_buffers()}
    for name in [name for name in tensors if name in ours]:
        read.add(name)
        yield _compare(f"{path.stem} {name}", ours[name].detach(), tensors[name].detach(), _tolerance(name))
    unread = sorted(set(tensors) - read)
    if unread:
        yield GoldenResult(f"{path.stem}: tensors nobody compared: {unread}", float("inf"), 0.0)


def _model(path: Path, content: dict[str, Any]) -> SuperTokenClassifier:
    given = dict(content["constructor_args"])
    scaled = given.pop("layerscale")
    model = SuperTokenClassifier(
        in_channels=given.pop("in_chans"),
        embed_dims=given.pop("embed_dim"),
        grid=given.pop("stoken_size"),
        iterations=given.pop("n_iter"),
        layer_scale=[1e-6 if scale else None for scale in scaled],
        refine=content["refine"],
        **given,
    )
    state = {n.removeprefix("state."): t for n, t in load_file(path.with_name(content["weights_file"])).items()}
    if content["refine"] == "none":
        state = {name: tensor for name, tensor in state.items() if "stoken_refine" not in name}
    model.load_state_dict(state, strict=True)
    return model


def _as_recorded(traced: dict[str, Tensor]) -> dict[str, Tensor]:
    """What the trace told, under the recorded names and in the recorded layouts."""
    named = {"mid.stem": _channels_first(traced["stem"])}
    for stage in range(4):
        named[f"output.feat{stage}"] = _channels_first(traced[f"s{stage}.out"])
        prefix = f"mid.stage{stage}.block0."
        for recorded, own in TRACED.items():
            named[prefix + recorded] = _channels_first(traced[f"s{stage}.b0.{own}"])
        for name in [name for name in traced if name.startswith(f"s{stage}.b0.association")]:
            step = name.rsplit("association", 1)[1]
            # (B, h, w, 9, n) -> (B, h * w, n, 9)
            named[f"{prefix}assoc_iter{step}"] = traced[name].flatten(1, 2).transpose(2, 3)
    return named


def _channels_first(x: Tensor) -> Tensor:
    return x.permute(0, 3, 1, 2)


def _tolerance(name: str) -> float | None:
    if name == "output.0":
        return LOGITS
    return MAPS if name.startswith("output.feat") else None


def _compare(case: str, ours: Tensor, theirs: Tensor, tolerance: float | None) -> GoldenResult:
    if ours.shape != theirs.shape:
        shapes = f"shape {tuple(ours.shape)} instead of {tuple(theirs.shape)}"
        return GoldenResult(f"{case}: {shapes}", float("inf"), 0.0)
    if tolerance is None:
        tolerance = RELATIVE * theirs.double().abs().max().item() + ABSOLUTE
    return GoldenResult(case, (ours.double() - theirs.double()).abs().max().item(), tolerance)


def _keys(path: Path, content: dict[str, Any]) -> Iterator[GoldenResult]:
    with torch.device("meta"):
        model = build(path.stem.removeprefix("keys_"))
    state = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
    yield GoldenResult(f"{path.stem} names and shapes", float(state != content["state"]), 0)
    yield GoldenResult(f"{path.stem} order", float(list(state) != list(content["state"])), 0)
    for name, ours in (
        ("params", sum(p.numel() for p in model.parameters())),
        ("trainable_params", sum(p.numel() for p in model.parameters() if p.requires_grad)),
    ):
        yield GoldenResult(f"{path.stem} {name}", abs(ours - content[name]), 0)
