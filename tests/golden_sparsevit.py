"""Golden cases of SparseViT: outputs, every selection, gradients, key lists, loading of the Swin authors' layout."""

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from safetensors.torch import load_file
from torch import Tensor

from models.checkpoint import load_backbone
from models.sparsevit import SparseViT
from models.zoo import build
from tests.golden_result import GoldenResult

TOLERANCE = 2e-5


def check(path: Path, content: dict[str, Any]) -> Iterator[GoldenResult]:
    """One JSON file of SparseViT: a weights file or a case."""
    if "keys" in content:
        state = _state(path.with_suffix(".safetensors"))
        model = SparseViT(**content["args"])
        model.load_state_dict(state, strict=True)
        parameters = sum(p.numel() for p in model.parameters())
        yield GoldenResult(f"{path.stem} parameters", abs(parameters - content["params"]), 0)
        yield GoldenResult(f"{path.stem} keys", abs(len(state) - content["keys"]), 0)
        return
    case = Case(path, content)
    if any(name.startswith("ms.") for name in case.tensors):
        yield from case.swin_authors()
    elif any(name.startswith("grad.") for name in case.tensors):
        yield from case.training()
    else:
        yield from case.evaluation()
    unread = sorted(set(case.tensors) - case.read)
    if unread:
        yield GoldenResult(f"{path.stem}: tensors nobody compared: {unread}", float("inf"), 0)


def check_keys(path: Path, content: dict[str, Any]) -> Iterator[GoldenResult]:
    """The key list of a full-size variant: names, order and shapes."""
    if path.stem == "keys_sparsevit_t":
        model = build("sparsevit_tiny")
    else:
        from mmcv import Config
        from mmdet.models import build_detector

        import sparsearch  # noqa: F401  # registers the backbone

        config = Config.fromfile(str(MASK_RCNN))
        model = build_detector(config.model)
    state = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
    yield GoldenResult(f"{path.stem} names and shapes", float(state != content["state"]), 0)
    # mmdet's heads register their parts in their own order
    if path.stem == "keys_sparsevit_t":
        yield GoldenResult(f"{path.stem} order", float(list(state) != list(content["state"])), 0)
    parameters = sum(p.numel() for p in model.parameters())
    yield GoldenResult(f"{path.stem} parameters", abs(parameters - content["params"]), 0)


MASK_RCNN = Path(__file__).parents[1] / "configs/sparsevit/mask_rcnn_sparsevit-t_fpn_3x_coco.py"


class Case:
    """The tensors of one case, remembering which of them have been used."""

    def __init__(self, path: Path, content: dict[str, Any]) -> None:
        self.name = path.stem
        self.path = path
        self.content = content
        self.tensors = load_file(path.with_suffix(".safetensors"))
        self.read: set[str] = set()

    def evaluation(self) -> Iterator[GoldenResult]:
        model = self._model()
        selections: dict[str, Tensor] = {}
        with torch.no_grad():
            outputs = model(self._input(), self._plan(), selections.__setitem__)
        yield from self._outputs("output", model, outputs)
        yield from self._selections(selections)
        if any(name.startswith("stock_output.") for name in self.tensors):
            stock = self._model(padding="after_norm")
            with torch.no_grad():
                yield from self._outputs("stock_output", stock, stock(self._input(), self._plan()))

    def training(self) -> Iterator[GoldenResult]:
        model = self._model().train()
        image = self._input().requires_grad_()
        noise = [self._tensor(name) for name in self.content["draw_order"]]
        selections: dict[str, Tensor] = {}
        with mock.patch("models.drop_path.uniform", side_effect=noise) as draws:
            outputs = model(image, self._plan(), selections.__setitem__)
        yield GoldenResult(f"{self.name} noise draws", abs(draws.call_count - len(noise)), 0)
        loss = sum((out * self._tensor(f"cotangent.{i}")).mean() for i, out in enumerate(outputs))
        assert isinstance(loss, Tensor)
        loss.backward()
        yield from self._outputs("output", model, outputs)
        yield from self._selections(selections)
        yield self._compare("loss", loss.detach().view(1))
        gradients = {name: p.grad for name, p in model.named_parameters()} | {"input": image.grad}
        for name in [n for n in self.tensors if n.startswith("grad.")]:
            gradient = gradients[name.removeprefix("grad.")]
            assert gradient is not None
            yield self._compare(name, gradient)
        for name, norm in self.content["grad_norms_all_parameters"].items():
            gradient = gradients[name]
            assert gradient is not None
            yield GoldenResult(f"{self.name} grad norm {name}", abs(gradient.norm().item() - norm), TOLERANCE)

    def swin_authors(self) -> Iterator[GoldenResult]:
        arguments = {k: v for k, v in self.content["args"].items() if k != "convert_weights"}
        model = SparseViT(**arguments).eval()
        authors = {n.removeprefix("ms."): self._tensor(n) for n in self.tensors if n.startswith("ms.")}
        with tempfile.TemporaryDirectory() as folder:
            torch.save({"model": authors}, Path(folder, "swin.pth"))
            load_backbone(model, Path(folder, "swin.pth"))
        for name, tensor in model.state_dict().items():
            yield self._compare(f"state.{name}", tensor)
        with torch.no_grad():
            yield from self._outputs("output", model, model(self._input(), self._plan()))

    def _model(self, **options: Any) -> SparseViT:
        model = SparseViT(**self.content["args"], **options)
        model.load_state_dict(_state(self.path.with_name(self.content["weights"])), strict=True)
        return model.eval()

    def _plan(self) -> dict[str, float]:
        stages = self.content["pruning_ratios"] or []
        return {f"stage{s}.{b}": ratio for s, blocks in enumerate(stages) for b, ratio in enumerate(blocks)}

    def _input(self) -> Tensor:
        return self._tensor("input").float()

    def _tensor(self, name: str) -> Tensor:
        self.read.add(name)
        return self.tensors[name]

    def _outputs(self, prefix: str, model: SparseViT, outputs: Iterable[Tensor]) -> Iterator[GoldenResult]:
        for stage, output in zip(model.out_indices, outputs, strict=True):
            # some files number outputs by stage, some by position
            name = f"{prefix}.{stage}"
            if len(model.out_indices) != model.out_indices[-1] + 1:
                name = f"{prefix}.{model.out_indices.index(stage)}"
            yield self._compare(name, output.detach())

    def _selections(self, selections: dict[str, Tensor]) -> Iterator[GoldenResult]:
        for name in [n for n in self.tensors if n.startswith("mid.")]:
            selection = selections[name.removeprefix("mid.")]
            if name.endswith(".kept"):
                differs = not torch.equal(selection, self._tensor(name).long())
                yield GoldenResult(f"{self.name} {name}", float(differs), 0)
            else:
                yield self._compare(name, selection.detach())

    def _compare(self, name: str, ours: Tensor) -> GoldenResult:
        theirs = self._tensor(name)
        if ours.shape != theirs.shape:
            shapes = f"shape {tuple(ours.shape)} instead of {tuple(theirs.shape)}"
            return GoldenResult(f"{self.name} {name}: {shapes}", float("inf"), TOLERANCE)
        difference = (ours.double() - theirs.double()).abs().max().item() if ours.numel() else 0.0
        return GoldenResult(f"{self.name} {name}", difference, TOLERANCE)


def _state(path: Path) -> dict[str, Tensor]:
    return {name.removeprefix("state."): tensor for name, tensor in load_file(path).items()}
