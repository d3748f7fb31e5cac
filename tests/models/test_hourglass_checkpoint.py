"""Checkpoints for hourglass transformers: every released layout is dense and loads strictly."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from models.checkpoint import load_backbone
from models.errors import CheckpointError
from models.hourglass_swin import HourglassSwin
from models.hourglass_variants import HOURGLASS_SWIN
from models.sparsevit import SparseViT
from models.video_swin import VideoSwin

TINY = {"embed_dims": 8, "depths": (1, 1, 2, 1), "num_heads": (1, 1, 2, 4)}
DIGITS = Path(__file__).parents[2] / "samples" / "weights" / "digits_dense.safetensors"


def video(**options: object) -> VideoSwin:
    return VideoSwin(**{"window_size": (2, 3, 3), **TINY, **options})  # type: ignore[arg-type]


def image(**options: object) -> HourglassSwin:
    return HourglassSwin(**{"window_size": 3, **TINY, **options})  # type: ignore[arg-type]


def equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a.keys() & b.keys())


def indexed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """As the released files are: with buffers that follow from the window."""
    buffers = {name.replace("bias_table", "index"): torch.zeros(9, 9).long() for name in state if "table" in name}
    return {**state, **buffers}


def test_video_file_gives_its_backbone(tmp_path: Path) -> None:
    source, model = video(), video()
    state = {f"backbone.{name}": tensor for name, tensor in indexed(source.state_dict()).items()}
    head = {"cls_head.fc_cls.weight": torch.zeros(5, 64), "cls_head.fc_cls.bias": torch.zeros(5)}
    torch.save({"state_dict": {**state, **head}, "meta": {}}, tmp_path / "a.pth")
    report = load_backbone(model, tmp_path / "a.pth")
    assert equal(source.state_dict(), model.state_dict()) and report.fresh == ()
    assert set(head) <= set(report.ignored) and len(report.ignored) == 2 + 5


def test_segmentation_and_detection_files_give_their_backbone(tmp_path: Path) -> None:
    # Mask2Former has four outputs; DINO with four scales has three
    source = image()
    rest = {"sem_seg_head.x": torch.zeros(1)}
    for indices in ((0, 1, 2, 3), (1, 2, 3)):
        model = image(out_indices=indices)
        state = {f"backbone.{name}": tensor for name, tensor in indexed(source.state_dict()).items()}
        torch.save({"model": {**state, **rest}}, tmp_path / "a.pth")
        report = load_backbone(model, tmp_path / "a.pth")
        assert equal(source.state_dict(), model.state_dict()) and report.fresh == ()
        assert ("norm0.weight" in report.ignored) == (0 not in indices)


def test_classification_file_leaves_output_norms_fresh(tmp_path: Path) -> None:
    source, model = image(), image()
    state = {k: v for k, v in indexed(source.state_dict()).items() if not k.startswith("norm")}
    end = {"norm.weight": torch.zeros(64), "norm.bias": torch.zeros(64), "head.weight": torch.zeros(9, 64)}
    torch.save({"model": {**state, **end, "layers.0.blocks.0.attn_mask": torch.zeros(1)}}, tmp_path / "a.pth")
    report = load_backbone(model, tmp_path / "a.pth")
    assert set(report.fresh) == {f"norm{stage}.{part}" for stage in range(4) for part in ("weight", "bias")}
    assert equal({k: v for k, v in source.state_dict().items() if "norm" not in k[:4]}, model.state_dict())


def test_file_of_images_is_inflated_for_clips(tmp_path: Path) -> None:
    source, model = image(window_size=4), video()
    state = {k: v for k, v in source.state_dict().items() if not k.startswith("norm")}
    end = {"norm.weight": torch.ones(64) * 2, "norm.bias": torch.ones(64), "head.weight": torch.zeros(9, 64)}
    torch.save({"model": {**indexed(state), **end}}, tmp_path / "a.pth")
    assert load_backbone(model, tmp_path / "a.pth").fresh == ()
    own = model.state_dict()
    kernel = source.patch_embed.proj.weight
    assert torch.equal(own["patch_embed.proj.weight"], torch.stack([kernel / 2, kernel / 2], dim=2))
    table = own["layers.2.blocks.1.attn.relative_position_bias_table"].view(3, 25, 2)
    # the same for every offset in time, resized from windows of 4 x 4 to 3 x 3
    grid = source.state_dict()["layers.2.blocks.1.attn.relative_position_bias_table"].t().view(1, 2, 7, 7)
    resized = torch.nn.functional.interpolate(grid, size=(5, 5), mode="bicubic").view(2, 25).t()
    assert all(torch.equal(part, resized) for part in table)
    assert torch.equal(own["norm.weight"], end["norm.weight"])


def test_a_still_clip_through_inflated_weights_is_an_image(tmp_path: Path) -> None:
    source, model = image(window_size=3).eval(), video(window_size=(2, 3, 3)).eval()
    torch.save({"model": source.state_dict()}, tmp_path / "a.pth")
    report = load_backbone(model, tmp_path / "a.pth")
    # an image backbone norms each output, a video backbone the last: that one is fresh
    assert set(report.fresh) == {"norm.weight", "norm.bias"}
    model.norm.load_state_dict(source.get_submodule("norm3").state_dict())
    # maps of whole windows, more than one along each axis of the first three stages
    x = torch.randn(1, 3, 4 * 3 * 8, 4 * 3 * 8)
    still = x.unsqueeze(2).expand(-1, -1, 4, -1, -1).contiguous()
    with torch.no_grad():
        first = source.layers[0](source.patch_embed(x), (1, 24, 24), source.geometry, None, False, None)
        moving = model.layers[0](model.patch_embed(still), (2, 24, 24), model.geometry, None, False, None)
    torch.testing.assert_close(moving.view(2, 24 * 24, 8)[0], first[0], atol=1e-4, rtol=1e-4)


def test_tables_of_another_window_are_resized_for_images(tmp_path: Path) -> None:
    source, model = image(window_size=4), image(window_size=3)
    torch.save({"model": source.state_dict()}, tmp_path / "a.pth")
    load_backbone(model, tmp_path / "a.pth")
    assert model.state_dict()["layers.0.blocks.0.attn.relative_position_bias_table"].shape == (25, 1)


@pytest.mark.parametrize("size", [(224, 224), (150, 230)])
def test_dense_digits_detector_runs_in_it(size: tuple[int, int]) -> None:
    model = HourglassSwin(**HOURGLASS_SWIN["hourglass_swin_nano"].options).eval()
    report = load_backbone(model, DIGITS)
    assert report.fresh == () and all(not name.startswith("backbone.") for name in report.ignored)
    reference = SparseViT(embed_dims=24, num_heads=(1, 2, 4, 8)).eval()
    load_backbone(reference, DIGITS)
    x = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for ours, theirs in zip(model(x), reference(x), strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
        clustered = model(x, {"location": 6, "grid": 6, "temperature": 0.5})
        for ours, theirs in zip(clustered[2:], reference(x)[2:], strict=True):
            assert 1e-6 < float((ours - theirs).square().mean() / theirs.square().mean()) < 0.5


def test_official_stock_padding_is_that_of_swin(tmp_path: Path) -> None:
    model, reference = image(window_size=7), SparseViT(padding="after_norm", **TINY)  # type: ignore[arg-type]
    torch.save(reference.state_dict(), tmp_path / "a.pth")
    load_backbone(model, tmp_path / "a.pth")
    x = torch.randn(1, 3, 150, 230)
    with torch.no_grad():
        for ours, theirs in zip(model.eval()(x), reference.eval()(x), strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    state = video().state_dict()
    torch.save({k: v for k, v in state.items() if k != "norm.weight"}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=r"missing keys \(1\):\n  norm.weight"):
        load_backbone(video(), tmp_path / "a.pth")
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match="different shapes"):
        load_backbone(video(window_size=(4, 3, 3)), tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=r"patch_embed.proj.weight: file \(8, 3, 2, 4, 4\), model \(8, 3, 4, 4\)"):
        load_backbone(image(), tmp_path / "a.pth")
    torch.save({**state, "absolute_pos_embed": torch.zeros(1, 9, 8)}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match="unexpected keys"):
        load_backbone(video(), tmp_path / "a.pth")
