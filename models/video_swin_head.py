"""The head of a video classifier: average over time and space, one linear layer; and the average over views.

Source: Video Swin Transformer (arXiv 2106.13230), section 4.1; names and dropout are those of the released code.
"""

from torch import Tensor, nn

from models.errors import InputError


class VideoHead(nn.Module):
    """Maps to class scores.

    Args:
        num_classes: classes.
        in_channels: channels of the last map.
        dropout_ratio: before the linear layer, while training.
    """

    def __init__(self, num_classes: int, in_channels: int, dropout_ratio: float = 0.5) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.dropout = nn.Dropout(dropout_ratio)
        self.fc_cls = nn.Linear(in_channels, num_classes)
        nn.init.normal_(self.fc_cls.weight, std=0.01)
        nn.init.zeros_(self.fc_cls.bias)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, D, H, W) -> (B, classes) logits.

        Raises:
            InputError: no map of `in_channels` channels.
        """
        if features.dim() != 5 or features.shape[1] != self.in_channels:
            shape = tuple(features.shape)
            raise InputError(f"expected a map of shape (batch, {self.in_channels}, frames, rows, columns); got {shape}")
        logits: Tensor = self.fc_cls(self.dropout(features.mean(dim=(2, 3, 4))))
        return logits


def average_views(logits: Tensor, views: int) -> Tensor:
    """One answer per video: (videos * views, classes) logits -> (videos, classes) probabilities.

    Every view is turned into probabilities on its own, and those are averaged.

    Args:
        views: clips times crops of each video, one after the other.
    Raises:
        InputError: the rows are no whole videos.
    """
    if views < 1 or logits.dim() != 2 or logits.shape[0] % views:
        raise InputError(f"expected (videos * {views} views, classes) logits; got {tuple(logits.shape)}")
    # probabilities of half-precision logits would be rounded before they are averaged
    return logits.float().softmax(dim=-1).view(-1, views, logits.shape[1]).mean(dim=1)
