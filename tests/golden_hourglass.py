"""Golden cases of the hourglass transformers: maps, every step of clustering, gradients, views, key lists."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from models.hourglass_bias import resized_table
from models.hourglass_geometry import HourglassGeometry
from models.hourglass_plan import Hourglass
from models.hourglass_stage import clustering
from models.hourglass_swin import HourglassSwin
from models.token_clustering import reconstruction
from models.token_clustering_candidates import candidates, cluster_numbers
from models.video_swin import VideoSwin
from models.video_swin_head import VideoHead, average_views
from tests.golden_result import GoldenResult

TOLERANCE = 1e-5
DERIVED = "relative_position_index"
TRACED = {
    "feat_before": "features",
    "init_centroids": "pooled",
    "clusters": "clusters",
    "recon_in": "refined",
    "recon_out": "reconstructed",
}
"""Recorded step of clustering, and what our trace calls it."""


def knows(path: Path, content: dict[str, Any]) -> bool:
    """Whether a JSON file is one of the hourglass transformers or of their dense networks."""
    return path.stem.startswith(("keys_video_", "keys_image_")) or "hourglass" in content


def check(path: Path, content: dict[str, Any]) -> Iterator[GoldenResult]:
    """One JSON file: a key list or a case."""
    if "state" in content:
        yield from _keys(path, content)
        return
    tensors = load_file(path.with_suffix(".safetensors"))
    model, plan = _model(path, content), _plan(content["hourglass"])
    inputs, training = tensors["input"].float(), "gradients" in content
    traced: dict[str, Tensor] = {}
    if "head" in content:
        yield from _recognizer(path, content, model, plan, tensors)
        return
    inputs.requires_grad_(training)
    with torch.set_grad_enabled(training):
        outputs = model(inputs, plan, trace=traced.__setitem__)
    ours = {f"output.{number}": output for number, output in enumerate(outputs)}
    ours |= _steps(model, plan, traced, tensors)
    if training:
        (outputs[0] * tensors["cotangent"]).sum().backward()
        gradients = dict(model.named_parameters()) | {"input": inputs}
        ours |= {f"grad.{name}": value.grad for name, value in gradients.items() if value.grad is not None}
    for name, theirs in tensors.items():
        if name in ("input", "cotangent"):
            continue
        if name not in ours:
            yield GoldenResult(f"{path.stem} {name}: nobody computed it", float("inf"), 0)
        else:
            yield _compare(f"{path.stem} {name}", ours[name], theirs)


def _compare(case: str, ours: Tensor, theirs: Tensor) -> GoldenResult:
    if ours.shape != theirs.shape:
        return GoldenResult(f"{case}: {tuple(ours.shape)} instead of {tuple(theirs.shape)}", float("inf"), TOLERANCE)
    difference = (ours.detach().double() - theirs.double()).abs().max().item()
    # what no norm keeps small is compared relative to its largest value: residual streams, and sums over all tokens
    scale = 1.0 if " output." in case else max(1.0, theirs.abs().max().item())
    return GoldenResult(case, difference / scale, TOLERANCE)


def _build(content: dict[str, Any], kind: str) -> VideoSwin | HourglassSwin:
    options = dict(content["constructor"])
    for name in ("num_classes", "pretrain_img_size"):
        options.pop(name, None)
    options["embed_dims"] = options.pop("embed_dim")
    return VideoSwin(**options) if kind == "video" else HourglassSwin(**options)


def _model(path: Path, content: dict[str, Any]) -> VideoSwin | HourglassSwin:
    kind = "video" if "video" in path.stem else "image"
    model = _build(content, kind).eval()
    weights = load_file(path.with_name(content["weights_file"].split()[0]))
    state = {name.removeprefix("state."): tensor for name, tensor in weights.items()}
    # all cases of a kind share a file; those with fewer outputs lack some norms
    unused = [name for name in state if name.startswith("norm") and name not in model.state_dict()]
    model.load_state_dict({name: tensor for name, tensor in state.items() if name not in unused}, strict=True)
    return model


def _plan(knobs: dict[str, Any] | None) -> dict[str, Any]:
    if knobs is None:
        return {}
    inverse = knobs.get("cluster_temperture_inverse")
    temperature = knobs["cluster_temperature"] if inverse is None else 1 / inverse
    both = knobs["recon_temperature"] if inverse is None else 1 / knobs["recon_temperture_inverse"]
    assert both == temperature, "every released setting has one temperature"
    shape = knobs.get("clustering_shape")
    return {
        "location": knobs["clustering_location"],
        "grid": "x".join(map(str, shape)) if shape else round(knobs["num_spixels"] ** 0.5),
        "iterations": knobs["n_iters"],
        "neighbourhood": knobs["cluster_window_size"],
        "temperature": temperature,
        "k": knobs["k"],
    }


def _recognizer(
    path: Path, content: dict[str, Any], model: nn.Module, plan: dict[str, Any], tensors: dict[str, Tensor]
) -> Iterator[GoldenResult]:
    shape = content["head"]
    head = VideoHead(shape["num_classes"], shape["in_channels"], shape["dropout_ratio"]).eval()
    prefix = "state.cls_head."
    state = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    head.load_state_dict(state, strict=True)
    with torch.no_grad():
        features = torch.cat([model(view, plan)[0] for view in tensors["input"].float()[0].split(1)])
        logits = head(features)
    ours = {"features": features, "logits": logits, "output.0": average_views(logits, len(features))}
    for name, theirs in tensors.items():
        if name == "input" or name.startswith(prefix):
            continue
        own = next(value for key, value in ours.items() if key in name)
        yield _compare(f"{path.stem} {name}", own, theirs)


def _steps(
    model: VideoSwin | HourglassSwin, plan: dict[str, Any], traced: dict[str, Tensor], tensors: dict[str, Tensor]
) -> dict[str, Tensor]:
    """The recorded steps that we compute, in the recorded layout."""
    geometry, steps = model.geometry, {}
    shape = tensors["input"].shape
    frames = int(shape[2]) if isinstance(model, VideoSwin) else 1
    maps = geometry.maps((int(shape[-2]), int(shape[-1])), frames)
    for stage, size in enumerate(maps):
        out = traced[f"s{stage}.out"]
        if isinstance(model, VideoSwin):  # after merging, channels first
            after = maps[min(stage + 1, len(maps) - 1)]
            out = out.transpose(1, 2).reshape(out.shape[0], -1, *after)
        else:
            assert out.shape[1] == size[1] * size[2]
        steps[f"mid.stage{stage}_out"] = out
    hourglass = geometry.parse(plan)
    if hourglass is None:
        return steps
    steps |= {f"mid.{name}": traced[f"s{hourglass.stage}.{step}"] for name, step in TRACED.items()}
    steps["mid.init_centroids"] = steps["mid.init_centroids"].mT
    how = clustering(geometry, maps[hourglass.stage], hourglass)
    steps["mid.recon_attention"] = reconstruction(steps["mid.feat_before"], steps["mid.clusters"], how)
    steps["mid.init_label_map"] = cluster_numbers(how.window, how.grid, how.label_map).view(1, -1)
    table, _ = candidates(how.window, how.grid, how.neighbourhood, how.label_map, torch.device("cpu"))
    steps["mid.candidate_mask"] = (table == 0).float().t()
    steps |= _tables(model, geometry, hourglass)
    return steps


def _tables(model: nn.Module, geometry: HourglassGeometry, hourglass: Hourglass) -> dict[str, Tensor]:
    found = {}
    for block in range(geometry.depths[hourglass.stage]):
        name = f"layers.{hourglass.stage}.blocks.{block}"
        table = model.get_parameter(f"{name}.attn.relative_position_bias_table")
        found[f"mid.rpb_resized.{name}"] = resized_table(table, geometry.window, hourglass.grid)
    return found


def _keys(path: Path, content: dict[str, Any]) -> Iterator[GoldenResult]:
    """A key list of a full-size variant: names, order and shapes; tables of indices follow from the sizes."""
    kind = "video" if "video" in path.stem else "image"
    with torch.device("meta"):
        model: nn.Module = _build(content, kind)
        if kind == "video":
            channels = content["constructor"]["embed_dim"] * 8
            head = VideoHead(content["constructor"]["num_classes"], channels)
            model = nn.ModuleDict({"backbone": model, "cls_head": head})
    state = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
    expected = {name: shape for name, shape in content["state"].items() if not name.endswith(DERIVED)}
    yield GoldenResult(f"{path.stem} names and shapes", float(state != expected), 0)
    yield GoldenResult(f"{path.stem} order", float(list(state) != list(expected)), 0)
    count = sum(parameter.numel() for parameter in model.parameters())
    yield GoldenResult(f"{path.stem} parameters", abs(count - content["params"]), 0)
