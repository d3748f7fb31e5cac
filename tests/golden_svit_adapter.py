"""Golden cases of ViT-Adapter and SViT: maps, tokens, decisions, a training step, key lists of the full sizes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from models.svit import SelectiveViTAdapter
from models.vit_adapter import ViTAdapter
from tests.golden_result import GoldenResult

OUTPUTS = 2e-5
MIDS = 5e-5
LOSSES = 1e-6
GRADIENTS = 1e-3
"""In units of the tensor's largest entry."""

IGNORED = {"img_size", "patch_size", "pretrained", "version", "ratio_loss", "select_model_id"}
"""Constructor arguments of the originals that mean nothing here, or nothing at all."""


def knows(path: Path, content: dict[str, Any]) -> bool:
    """Whether a JSON file is one of ViT-Adapter or SViT."""
    return "ViTAdapter" in content.get("original_class", "") or path.stem.startswith("keys_detector_heads_")


def check(path: Path, content: dict[str, Any]) -> Iterator[GoldenResult]:
    """One JSON file: a key list or a case."""
    if path.stem.startswith("keys_detector_heads"):
        yield from _heads(path, content)
    elif "state" in content:
        yield from _keys(path, content)
    else:
        yield from _case(path, content)


def _case(path: Path, content: dict[str, Any]) -> Iterator[GoldenResult]:
    tensors = load_file(path.with_suffix(".safetensors"))
    training = content["mode"].startswith("train")
    model = _build(content)
    _load(model, path, content, tensors)
    model.train(training)
    traced: dict[str, Tensor] = {}
    options: dict[str, Any] = {"trace": traced.__setitem__}
    if isinstance(model, SelectiveViTAdapter):
        options["plan"] = {"mode": "gumbel" if "noise.selector0" in tensors else "argmax"}
        options["noise"] = [tensors[f"noise.selector{j}"] for j in range(9) if f"noise.selector{j}" in tensors] or None
    with torch.set_grad_enabled(training):
        if training:
            outputs, losses = model.forward_with_losses(tensors["input"], **options)
        else:
            outputs, losses = model(tensors["input"], **options), {}
        ours = {f"output.{level}": output for level, output in enumerate(outputs)}
        ours |= {f"mid.{name}": value for name, value in traced.items()}
        ours |= _prior(model, traced["c_init"], tensors["input"])
    if training:
        ours |= _training(model, ours, losses, tensors)
        yield from _per_image(content, path, tensors)
    for name, theirs in tensors.items():
        if name.startswith(("input", "noise.", "state.", "projection.")) or name == "loss.ratio_per_sample":
            continue
        if name not in ours:
            yield GoldenResult(f"{path.stem} {name}: nobody computed it", float("inf"), 0)
        else:
            yield _compare(f"{path.stem} {name}", ours[name], theirs, _tolerance(name, theirs))
    for name, counts in content.get("kept_per_image_per_selector", {}).items():
        yield GoldenResult(f"{path.stem} {name} counts", float(ours[name].sum(1).tolist() != counts), 0)
    if "tokens_entering_each_block" in content:
        entering = [int(traced[f"selector{j}.kept"].sum()) for j in range(3) for _ in range(3)]
        recorded = [content["tokens_entering_each_block"][str(block)] for block in range(3, 12)]
        yield GoldenResult(f"{path.stem} tokens entering each block", float(entering != recorded), 0)


def _training(model: Any, ours: dict[str, Tensor], losses: dict[str, Tensor], tensors: dict[str, Tensor]) -> dict:
    ratio = losses["loss_ratio"]
    projected = [(ours[f"output.{i}"] * tensors[f"projection.{i}"]).mean() for i in range(4)]
    objective = torch.stack(projected).sum() + 4.0 * ratio
    objective.backward()
    found = {"loss.ratio": ratio.view(1), "loss.objective": objective.view(1)}
    found |= {f"grad.{name}": p.grad for name, p in model.named_parameters() if p.grad is not None}
    return found | {f"after.{name}": buffer for name, buffer in model.named_buffers()}


def _per_image(content: dict[str, Any], path: Path, tensors: dict[str, Tensor]) -> Iterator[GoldenResult]:
    """The other form of the ratio loss, which the recording has of the same forward."""
    model = _build(content, ratio_per_sample=True)
    _load(model, path, content, tensors)
    noise = [tensors[f"noise.selector{j}"] for j in range(9)]
    _, losses = model.train().forward_with_losses(tensors["input"], {"mode": "gumbel"}, noise=noise)  # type: ignore[operator]
    yield _compare(
        f"{path.stem} loss.ratio_per_sample", losses["loss_ratio"].view(1), tensors["loss.ratio_per_sample"], LOSSES
    )


def _build(content: dict[str, Any], **options: Any) -> ViTAdapter | SelectiveViTAdapter:
    arguments = {name: value for name, value in content["constructor"].items() if name not in IGNORED} | options
    windows = arguments.pop("window_attn")
    sizes = arguments.pop("window_size")
    sizes = [size if use else None for use, size in zip(windows, sizes, strict=True)]
    if content["original_class"].startswith("Selective"):
        assert not any(windows) and not arguments.pop("layer_scale")
        # theirs count from 1
        arguments["select_blocks"] = [place - 1 for place in arguments.pop("select_loc")]
        return SelectiveViTAdapter(**arguments)
    # the originals' default, which only the window configs keep
    return ViTAdapter(**{"layer_scale": True, **arguments}, window_size=sizes)


def _load(model: torch.nn.Module, path: Path, content: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    own = model.state_dict()
    weights = load_file(path.with_name(content["weights"]))
    state = {name.removeprefix("state."): tensor for name, tensor in weights.items()}
    if content.get("dropped_keys"):
        state = {name: tensor for name, tensor in state.items() if name in own}
    state |= {name.removeprefix("state."): t for name, t in tensors.items() if name.startswith("state.")}
    model.load_state_dict(state, strict=True)


def _prior(model: Any, pyramid: Tensor, image: Tensor) -> dict[str, Tensor]:
    """The recording has the maps of the prior before their level embeddings; ours are biases already."""
    places = [image.shape[2] // stride * (image.shape[3] // stride) for stride in (8, 16, 32)]
    parts = pyramid.split(places, 1)
    return {f"mid.spm_c{level + 2}": part - model.level_embed[level] for level, part in enumerate(parts)}


def _compare(case: str, ours: Tensor, theirs: Tensor, tolerance: float) -> GoldenResult:
    if ours.shape != theirs.shape:
        return GoldenResult(f"{case}: {tuple(ours.shape)} instead of {tuple(theirs.shape)}", float("inf"), tolerance)
    return GoldenResult(case, (ours.detach().double() - theirs.double()).abs().max().item(), tolerance)


def _tolerance(name: str, theirs: Tensor) -> float:
    if name.endswith(".keep"):
        return 0.0
    if name.startswith("grad."):
        return GRADIENTS * theirs.abs().max().item()
    if name.startswith("loss."):
        return LOSSES
    return MIDS if name.startswith("mid.") else OUTPUTS


def _keys(path: Path, content: dict[str, Any]) -> Iterator[GoldenResult]:
    """A key list of a full-size variant: names, order and shapes; also of ours of the same name in the zoo."""
    from models.svit_variants import SVIT_ADAPTER, VIT_ADAPTER

    with torch.device("meta"):
        model = _build(content)
    state = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
    yield GoldenResult(f"{path.stem} names and shapes", float(state != content["state"]), 0)
    yield GoldenResult(f"{path.stem} order", float(list(state) != list(content["state"])), 0)
    yield GoldenResult(f"{path.stem} parameters", abs(_parameters(model) - content["params"]), 0)
    size = "tiny" if path.stem.endswith("-t") else "small"
    with torch.device("meta"):
        if "svit" in path.stem:
            listed: torch.nn.Module = SelectiveViTAdapter(**SVIT_ADAPTER[f"svit_adapter_{size}"].options)
        else:
            window = "_window" if "window" in path.stem else ""
            listed = ViTAdapter(**VIT_ADAPTER[f"vit_adapter{window}_{size}"].options)
    zoo = {name: list(tensor.shape) for name, tensor in listed.state_dict().items()}
    yield GoldenResult(f"{path.stem} zoo", float(zoo != content["state"]), 0)


def _heads(path: Path, content: dict[str, Any]) -> Iterator[GoldenResult]:
    """Neck and heads of the detector: mmdet's own, beside a backbone of so many channels."""
    model = _detector(192 if path.stem.endswith("_t") else 384)
    state = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
    state = {name: shape for name, shape in state.items() if not name.startswith("backbone.")}
    yield GoldenResult(f"{path.stem} names and shapes", float(state != content["state"]), 0)
    heads = sum(p.numel() for name, p in model.named_parameters() if not name.startswith("backbone."))
    yield GoldenResult(f"{path.stem} parameters", abs(heads - content["params"]), 0)


def _parameters(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def _detector(channels: int) -> torch.nn.Module:
    """Mask R-CNN with the published neck and heads, around the SViT of so many channels."""
    from mmcv import ConfigDict
    from mmdet.models import build_detector
    from mmdet.models.builder import BACKBONES

    import models.svit_mmdet  # noqa: F401

    BACKBONES.register_module(name="GoldenSViT", module=SelectiveViTAdapter, force=True)
    anchors = {"type": "AnchorGenerator", "scales": [8], "ratios": [0.5, 1.0, 2.0], "strides": [4, 8, 16, 32, 64]}
    coder = {"type": "DeltaXYWHBBoxCoder", "target_means": [0.0] * 4, "target_stds": [0.1, 0.1, 0.2, 0.2]}
    extractor = {"type": "SingleRoIExtractor", "out_channels": 256, "featmap_strides": [4, 8, 16, 32]}
    layer = {"type": "RoIAlign", "sampling_ratio": 0}
    box = {"type": "Shared2FCBBoxHead", "in_channels": 256, "fc_out_channels": 1024, "roi_feat_size": 7}
    detector = {
        "type": "SelectiveMaskRCNN",
        "backbone": {"type": "GoldenSViT", "embed_dim": channels, "num_heads": channels // 64},
        "neck": {"type": "FPN", "in_channels": [channels] * 4, "out_channels": 256, "num_outs": 5},
        "rpn_head": {
            "type": "RPNHead",
            "in_channels": 256,
            "feat_channels": 256,
            "anchor_generator": anchors,
            "bbox_coder": coder,
            "loss_cls": {"type": "CrossEntropyLoss", "use_sigmoid": True},
            "loss_bbox": {"type": "L1Loss"},
        },
        "roi_head": {
            "type": "StandardRoIHead",
            "bbox_roi_extractor": {**extractor, "roi_layer": {**layer, "output_size": 7}},
            "bbox_head": {**box, "num_classes": 80, "bbox_coder": coder, "loss_bbox": {"type": "L1Loss"}},
            "mask_roi_extractor": {**extractor, "roi_layer": {**layer, "output_size": 14}},
            "mask_head": {
                "type": "FCNMaskHead",
                "num_convs": 4,
                "in_channels": 256,
                "conv_out_channels": 256,
                "num_classes": 80,
            },
        },
        "train_cfg": {"rpn": {}, "rcnn": {}},
        "test_cfg": {"rpn": {}, "rcnn": {}},
    }
    return build_detector(ConfigDict(detector))  # type: ignore[no-any-return]
