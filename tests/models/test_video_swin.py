"""The head of a video classifier, and the average over views."""

import pytest
import torch

from models.errors import InputError
from models.video_swin import VideoSwin
from models.video_swin_head import VideoHead, average_views


def test_head_averages_time_and_space() -> None:
    head = VideoHead(5, 8).eval()
    features = torch.randn(2, 8, 3, 4, 4)
    expected = torch.nn.functional.linear(features.mean((2, 3, 4)), head.fc_cls.weight, head.fc_cls.bias)
    with torch.no_grad():
        assert torch.equal(head(features), expected)
    assert list(head.state_dict()) == ["fc_cls.weight", "fc_cls.bias"]


def test_dropout_acts_in_training_alone() -> None:
    head, features = VideoHead(5, 512, dropout_ratio=0.5), torch.ones(1, 512, 1, 1, 1)
    torch.manual_seed(0)
    assert not torch.equal(head.train()(features), head.train()(features))
    assert torch.equal(head.eval()(features), head.eval()(features))


def test_head_takes_the_map_of_the_backbone() -> None:
    backbone = VideoSwin(8, embed_dims=8, depths=(1, 1, 1, 1), num_heads=(1, 1, 1, 1), window_size=(2, 3, 3))
    (features,) = backbone(torch.randn(1, 3, 8, 40, 40))
    assert VideoHead(7, 64)(features).shape == (1, 7)


@pytest.mark.parametrize("shape", [(1, 4, 2, 2, 2), (1, 8, 2, 2), (8,)])
def test_other_maps_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"expected a map of shape \(batch, 8, frames, rows, columns\); got"):
        VideoHead(5, 8)(torch.zeros(shape))


def test_views_are_averaged_as_probabilities() -> None:
    # two videos of two views: a sure view does not outvote by the size of its logits
    logits = torch.tensor([[0.0, 100.0], [2.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    found = average_views(logits, 2)
    sure = torch.tensor([2.0, 0.0]).softmax(0)
    torch.testing.assert_close(found, torch.stack([(torch.tensor([0.0, 1.0]) + sure) / 2, torch.tensor([0.5, 0.5])]))
    assert torch.equal(average_views(logits, 1), logits.softmax(1))
    assert average_views(logits.half(), 4).dtype == torch.float32


@pytest.mark.parametrize(("rows", "views"), [(5, 2), (4, 0)])
def test_rows_that_are_no_whole_videos_are_refused(rows: int, views: int) -> None:
    with pytest.raises(InputError, match=rf"\(videos \* {views} views, classes\) logits; got \({rows}, 3\)"):
        average_views(torch.zeros(rows, 3), views)
