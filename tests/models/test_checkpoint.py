"""Checkpoints: every known layout loads strictly, everything else is explained."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from models.checkpoint import load_backbone, load_detector, load_start, read_checkpoint
from models.errors import CheckpointError
from models.sparsevit import SparseViT
from models.zoo import ZOO, build


def tiny(**options: object) -> SparseViT:
    arguments = {"embed_dims": 8, "depths": (2, 2), "num_heads": (2, 2), "out_indices": (0, 1), **options}
    return SparseViT(**arguments)  # type: ignore[arg-type]


def equal(a: SparseViT, b: SparseViT) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
def test_pth_in_mmdet_layout_loads_bare_or_wrapped(tmp_path: Path, wrapper: str | None) -> None:
    source, copy = tiny(), tiny()
    state = source.state_dict()
    torch.save({wrapper: state} if wrapper else state, tmp_path / "a.pth")
    load_backbone(copy, tmp_path / "a.pth")
    assert equal(source, copy)


def test_detector_file_gives_its_backbone_and_names_the_rest(tmp_path: Path) -> None:
    source, copy = tiny(), tiny()
    state = {f"backbone.{k}": v for k, v in source.state_dict().items()} | {"neck.weight": torch.zeros(2)}
    save_file(state, tmp_path / "a.safetensors")
    report = load_backbone(copy, tmp_path / "a.safetensors")
    assert equal(source, copy)
    assert report.ignored == ("neck.weight",)


class Whole(nn.Module):
    """A backbone with something behind it."""

    def __init__(self, classes: int, **options: object) -> None:
        super().__init__()
        self.backbone = tiny(**options)
        self.neck = nn.Linear(2, 2)
        self.head = nn.Linear(2, classes)


def test_a_start_takes_the_backbone_strictly_and_of_the_rest_what_fits(tmp_path: Path) -> None:
    source, target = Whole(80), Whole(10)
    save_file({k: v.contiguous() for k, v in source.state_dict().items()}, tmp_path / "a.safetensors")
    head = target.head.weight.clone()
    report = load_start(target, tmp_path / "a.safetensors")
    assert equal(source.backbone, target.backbone)
    assert torch.equal(source.neck.weight, target.neck.weight)
    assert torch.equal(head, target.head.weight)
    assert report.ignored == report.fresh == ("head.bias", "head.weight")
    with pytest.raises(CheckpointError, match="Check that the model's variant"):
        load_start(Whole(80, embed_dims=16), tmp_path / "a.safetensors")


def test_a_start_needs_a_whole_model(tmp_path: Path) -> None:
    torch.save(tiny().state_dict(), tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match="load a bare backbone with init_cfg"):
        load_start(Whole(10), tmp_path / "a.pth")


def test_half_precision_file_loads_into_a_float_model(tmp_path: Path) -> None:
    source, copy = tiny(), tiny()
    save_file(
        {k: v.half() if v.is_floating_point() else v for k, v in source.state_dict().items()},
        tmp_path / "a.safetensors",
    )
    load_detector(copy, tmp_path / "a.safetensors")
    assert all(p.dtype == torch.float32 for p in copy.parameters())
    torch.testing.assert_close(copy.norm0.weight, source.norm0.weight)


def test_misfit_lists_missing_unexpected_and_shapes_and_changes_nothing(tmp_path: Path) -> None:
    state = dict(tiny().state_dict())
    state["patch_embed.projection.bias"] = torch.zeros(9)
    state["extra"] = torch.zeros(1)
    del state["norm1.weight"]
    torch.save(state, tmp_path / "a.pth")
    model = tiny()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    with pytest.raises(CheckpointError) as caught:
        load_backbone(model, tmp_path / "a.pth")
    message = str(caught.value)
    assert "missing keys (1):\n  norm1.weight" in message
    assert "unexpected keys (1):\n  extra" in message
    assert "patch_embed.projection.bias: file (9,), model (8,)" in message
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())


def test_wrong_variant_is_explained(tmp_path: Path) -> None:
    torch.save(tiny().state_dict(), tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match="Check that the model's variant"):
        load_backbone(tiny(embed_dims=16), tmp_path / "a.pth")


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
def test_damaged_file_is_no_traceback(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x00damaged" * 100)
    with pytest.raises(CheckpointError, match=f"{name} is damaged"):
        read_checkpoint(tmp_path / name)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"none\.pth does not exist"):
        read_checkpoint(tmp_path / "none.pth")


class Touch:
    """Unpickling this would create a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def test_code_in_a_checkpoint_never_runs(tmp_path: Path) -> None:
    torch.save({"state_dict": Touch(tmp_path / "ran")}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match="holds more than tensors"):
        read_checkpoint(tmp_path / "a.pth")
    assert not (tmp_path / "ran").exists()


def test_file_without_tensors_is_refused(tmp_path: Path) -> None:
    torch.save({"epoch": 3}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match="holds no tensors"):
        read_checkpoint(tmp_path / "a.pth")


@pytest.mark.parametrize(
    ("name", "millions"), [("sparsevit_tiny", 27.52), ("sparsevit_small", 48.84), ("sparsevit_base", 86.75)]
)
def test_full_size_variants_have_the_published_parameters(name: str, millions: float) -> None:
    model = build(name)
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(millions, abs=0.01)


def test_every_entry_of_the_zoo_builds_and_declares_its_space() -> None:
    assert len(ZOO) >= 18
    for name, (_, size) in ZOO.items():
        with torch.device("meta"):
            model = build(name)
        space = model.space(size.input_size)  # type: ignore[operator]
        assert space == size.geometry.space(size.input_size), name
        work = model.work({}, size.input_size)  # type: ignore[operator]
        assert work == size.geometry.work({}, size.input_size), name
        floor = model.work(space.sparsest, size.input_size)  # type: ignore[operator]
        assert floor.macs < work.macs if space.knobs else floor == work, name
