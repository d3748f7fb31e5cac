"""Soft targets: smoothing and mixing, against sums written out."""

import pytest
import torch

from models.classification_losses import BatchMix, soft_cross_entropy
from models.errors import InputError

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.0, 1.0, 3.0]])


def test_smoothing_spreads_a_part_of_the_target_over_all_classes() -> None:
    hard = torch.tensor([0, 2])
    soft = torch.eye(3)[hard] * 0.9 + 0.1 / 3
    expected = -(soft * LOGITS.log_softmax(1)).sum(1).mean()
    assert torch.allclose(soft_cross_entropy(LOGITS, hard, 0.1), expected)
    assert torch.allclose(soft_cross_entropy(LOGITS, torch.eye(3)[hard], 0.1), expected)


def test_half_precision_logits_are_summed_in_single() -> None:
    assert soft_cross_entropy(LOGITS.half(), torch.tensor([0, 2])).dtype == torch.float32


@pytest.mark.parametrize("options", [{"mixup": 0.8, "cutmix": 0.0}, {"mixup": 0.0, "cutmix": 1.0}, {}])
def test_mixed_targets_are_distributions_over_two_classes(options: dict[str, float]) -> None:
    torch.manual_seed(0)
    img, labels = torch.rand(6, 3, 8, 8), torch.arange(6)
    mixed, targets = BatchMix(6, **options)(img, labels)
    assert targets.shape == (6, 6)
    assert torch.allclose(targets.sum(1), torch.ones(6))
    assert int((targets > 0).sum(1).max()) <= 2
    assert mixed.shape == img.shape and not torch.equal(mixed, img)


def test_switch_decides_between_cutting_and_blending() -> None:
    """Blended pixels are new; cut ones come from one image or the other."""
    torch.manual_seed(0)
    img, labels = torch.arange(4.0).reshape(4, 1, 1, 1).expand(4, 1, 8, 8), torch.arange(4)
    cut, _ = BatchMix(4, switch=1.0)(img, labels)
    blended, _ = BatchMix(4, switch=0.0)(img, labels)
    assert set(cut.unique().tolist()) <= {0.0, 1.0, 2.0, 3.0}
    assert not set(blended.unique().tolist()) <= {0.0, 1.0, 2.0, 3.0}


def test_batches_that_are_not_mixed_keep_their_class_numbers() -> None:
    img, labels = torch.rand(4, 3, 8, 8), torch.arange(4)
    for given, mix in ((img, BatchMix(4, prob=0.0)), (img[:1], BatchMix(4))):
        out, targets = mix(given, labels[: len(given)])
        assert torch.equal(out, given) and targets.dim() == 1


@pytest.mark.parametrize(
    ("options", "message"), [({"mixup": 0.0, "cutmix": 0.0}, "leave `mix` out"), ({"prob": 2.0}, "in 0..1")]
)
def test_options_that_make_no_sense_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        BatchMix(4, **options)
