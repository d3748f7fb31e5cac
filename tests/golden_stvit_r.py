"""Golden cases of STViT-R: maps, logits, every block of the third stage, masks, a training step, key lists."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from models.stvit_r import STViTR
from models.stvit_r_cls import STViTRClassifier
from models.stvit_r_tables import patches
from tests.golden_result import GoldenResult

TOLERANCE = 2e-5
ALLOWED = 5e-5
"""The recording's own allowance: for semantic tokens, which no norm keeps small, and for fused attention."""

RENAMED = {"embed_dim": "embed_dims", "ape": "use_abs_pos_embed", "sample_window_size": "window_sample_size"}
"""Constructor arguments of the originals that have another name here."""

WITHOUT_EFFECT = {
    "patch_norm": {True},
    "multi_scale": {"multi_scale_semantic_token1"},
    "relative_pos": {False},
    "img_size": {224},
    "use_layer_scale": {False},
    "use_global": {False},
}
"""Arguments of the originals that ours lacks, and the only value they were ever released with."""

SIZES = {
    "s": {"embed_dims": 96, "num_heads": (3, 6, 12, 24)},
    "b": {"embed_dims": 128, "num_heads": (4, 8, 16, 32)},
}


def knows(path: Path, content: dict[str, Any]) -> bool:
    """Whether a JSON file is one of STViT-R."""
    if "state" in content:
        return any(key.endswith("layers.2.blocks.1.layer_scale_1") for key in content["state"])
    return "semantic_token" in str(content.get("constructor_args", {}).get("multi_scale"))


def check(path: Path, content: dict[str, Any]) -> Iterator[GoldenResult]:
    """One JSON file: a key list or a case."""
    if "state" in content:
        yield from _keys(path, content)
        return
    tensors = load_file(path.with_suffix(".safetensors"))
    training = content["mode"].startswith("train")
    model = _model(content)
    weights = load_file(path.with_name(content["weights_file"]))
    state = {name.removeprefix("state."): tensor for name, tensor in weights.items()}
    # masks of shifted windows follow from the size of the map; ours are not stored
    model.load_state_dict({k: v for k, v in state.items() if not k.endswith("attn_mask")}, strict=True)
    yield GoldenResult(f"{path.stem} parameters", abs(_parameters(model) - content["params"]), 0)
    model.train(training)
    traced: dict[str, Tensor] = {}
    # norms of 6 channels magnify rounding: the recording is up to 4e-5 from double precision, and fused attention sums
    # in another order, as do several threads; elementary operations on one thread meet the tolerance
    with torch.set_grad_enabled(training), sdpa_kernel(SDPBackend.MATH), _one_thread():
        outputs = _outputs(model(tensors["input"], trace=traced.__setitem__))
    ours = dict(outputs)
    ours |= {_recorded_name(name): _recorded_shape(name, value, tensors) for name, value in traced.items()}
    ours |= _masks(model, tensors)
    if training:
        loss = torch.stack([output.square().mean() for output in outputs.values()]).sum()
        loss.backward()
        without = [name for name, parameter in model.named_parameters() if parameter.grad is None]
        yield GoldenResult(f"{path.stem} gradients missing", len(set(without) ^ set(content["params_without_grad"])), 0)
        ours["loss"] = loss.view(1)
        ours |= {f"grad.{name}": p.grad for name, p in model.named_parameters() if p.grad is not None}
        ours |= {f"state_after.{name}": buffer for name, buffer in model.named_buffers()}
    else:
        with torch.no_grad():
            for name, output in _outputs(model(tensors["input"])).items():
                yield _compare(f"{path.stem} fused {name}", output, tensors[name], ALLOWED)
    for name, theirs in tensors.items():
        if name not in ours and name != "input":
            yield GoldenResult(f"{path.stem} {name}: nobody computed it", float("inf"), 0)
        elif name != "input":
            yield _compare(f"{path.stem} {name}", ours[name], theirs, ALLOWED if name.startswith("mid.") else TOLERANCE)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _outputs(outputs: Any) -> dict[str, Tensor]:
    many = outputs if isinstance(outputs, tuple) else (outputs,)
    return {f"output.{index}": output for index, output in enumerate(many)}


def _compare(case: str, ours: Tensor, theirs: Tensor, tolerance: float) -> GoldenResult:
    if ours.shape != theirs.shape:
        return GoldenResult(f"{case}: {tuple(ours.shape)} instead of {tuple(theirs.shape)}", float("inf"), tolerance)
    return GoldenResult(case, (ours.detach().double() - theirs.double()).abs().max().item(), tolerance)


def _model(content: dict[str, Any]) -> STViTR | STViTRClassifier:
    arguments = {RENAMED.get(name, name): value for name, value in content["constructor_args"].items()}
    for name, values in WITHOUT_EFFECT.items():
        assert arguments.pop(name, next(iter(values))) in values, f"{name} differs from all released checkpoints"
    if content["variant"] == "cls":
        assert arguments.pop("window_size") == 7
        return STViTRClassifier(**arguments)
    mask = "original" if arguments.pop("pad_mask") else "none"
    return STViTR(**arguments, mask=mask)


def _recorded_name(name: str) -> str:
    if name == "stem":
        return "mid.patch_embed"
    block, what = name.removeprefix("s2.b").split(".")
    return f"mid.layers.2.blocks.{block}" + (".pooled" if what == "pooled" else "")


def _recorded_shape(name: str, value: Tensor, tensors: dict[str, Tensor]) -> Tensor:
    recorded = tensors.get(_recorded_name(name))
    if recorded is None:
        return value
    # the recording has maps of the stem, and pooled tokens of windows as if they were images
    if name == "stem":
        value = value.transpose(1, 2)
    return value.reshape(recorded.shape) if value.numel() == recorded.numel() else value


def _masks(model: STViTR | STViTRClassifier, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    if isinstance(model, STViTRClassifier):
        return {}
    found = {}
    images, _, height, width = tensors["input"].shape
    grid, mask = model.geometry.grid((height, width)), model.geometry.mask
    for number, run in enumerate(model.geometry.schedule({})):
        assert run is not None
        reaches = {
            1: grid.generate(run.s, run.k1, mask),
            2: grid.generate(run.s, run.k2, mask),
            5: grid.recover(run.s, run.kr, mask),
        }
        for block, reach in reaches.items():
            hidden = patches(reach, torch.device("cpu")).hidden.float() * -1000
            found[f"mid.layers.2.blocks.{6 * number + block}.key_mask"] = hidden.repeat(images, 1)
    return found


def _keys(path: Path, content: dict[str, Any]) -> Iterator[GoldenResult]:
    """A key list of a full-size variant: names, order and shapes."""
    size = SIZES[path.stem.removeprefix("keys_").replace("cascade_mask_rcnn_", "").split("_")[1]]
    expected = {name: shape for name, shape in content["state"].items() if not name.endswith("attn_mask")}
    model: torch.nn.Module
    if "cascade" in path.stem:
        model = _detector(size)
    else:
        model = STViTRClassifier(**size) if path.stem.endswith("cls") else STViTR(**size)  # type: ignore[arg-type]
    state = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
    yield GoldenResult(f"{path.stem} names and shapes", float(state != expected), 0)
    # mmdet's heads register their parts in their own order
    if "cascade" not in path.stem:
        yield GoldenResult(f"{path.stem} order", float(list(state) != list(expected)), 0)
    yield GoldenResult(f"{path.stem} parameters", abs(_parameters(model) - content["params"]), 0)


def _detector(size: dict[str, Any]) -> torch.nn.Module:
    """Cascade Mask R-CNN with heads of 4 convolutions and 1 linear layer, as published, around our backbone."""
    from mmcv import ConfigDict
    from mmdet.models import build_detector
    from mmdet.models.builder import BACKBONES

    BACKBONES.register_module(name="GoldenSTViTR", module=STViTR, force=True)
    channels = [size["embed_dims"] * 2**stage for stage in range(4)]
    anchors = {"type": "AnchorGenerator", "scales": [8], "ratios": [0.5, 1.0, 2.0], "strides": [4, 8, 16, 32, 64]}
    coder = {"type": "DeltaXYWHBBoxCoder", "target_means": [0.0] * 4, "target_stds": [0.1, 0.1, 0.2, 0.2]}
    extractor = {"type": "SingleRoIExtractor", "out_channels": 256, "featmap_strides": [4, 8, 16, 32]}
    layer = {"type": "RoIAlign", "sampling_ratio": 0}
    box_head = {
        "type": "ConvFCBBoxHead", "num_shared_convs": 4, "num_shared_fcs": 1, "in_channels": 256, "roi_feat_size": 7,
        "conv_out_channels": 256, "fc_out_channels": 1024, "num_classes": 80, "reg_class_agnostic": False,
        "reg_decoded_bbox": True, "norm_cfg": {"type": "BN"}, "bbox_coder": coder,
        "loss_bbox": {"type": "GIoULoss", "loss_weight": 10.0},
    }  # fmt: skip
    mask_head = {"type": "FCNMaskHead", "num_convs": 4, "in_channels": 256, "conv_out_channels": 256, "num_classes": 80}
    detector = {
        "type": "CascadeRCNN",
        "backbone": {"type": "GoldenSTViTR", **size},
        "neck": {"type": "FPN", "in_channels": channels, "out_channels": 256, "num_outs": 5},
        "rpn_head": {
            "type": "RPNHead",
            "in_channels": 256,
            "feat_channels": 256,
            "anchor_generator": anchors,
            "bbox_coder": coder,
            "loss_cls": {"type": "CrossEntropyLoss", "use_sigmoid": True},
            "loss_bbox": {"type": "SmoothL1Loss", "beta": 1 / 9},
        },
        "roi_head": {
            "type": "CascadeRoIHead",
            "num_stages": 3,
            "stage_loss_weights": [1, 0.5, 0.25],
            "bbox_roi_extractor": {**extractor, "roi_layer": {**layer, "output_size": 7}},
            "bbox_head": [box_head] * 3,
            "mask_roi_extractor": {**extractor, "roi_layer": {**layer, "output_size": 14}},
            "mask_head": mask_head,
        },
        "test_cfg": {"rpn": {}, "rcnn": {}},
    }
    return build_detector(ConfigDict(detector))  # type: ignore[no-any-return]


def _parameters(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
