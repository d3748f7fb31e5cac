"""What a config asks of training in other terms than mmcv or this machine can follow, put so that they can."""

import math
from typing import Any


def leave_out_fp16(settings: Any) -> None:
    """Half precision needs a GPU; both ways of asking for it, mmdet's field and mmcv's accumulating hook."""
    hook = settings.get("optimizer_config") or {}
    if settings.get("fp16") is None and "Fp16" not in str(hook.get("type", "")):
        return
    print("fp16 is left out: this machine has no GPU")
    settings.pop("fp16", None)
    if "Fp16" in str(hook.get("type", "")):
        settings.optimizer_config = {
            **{name: value for name, value in hook.items() if name != "loss_scale"},
            "type": hook["type"].replace("Fp16", ""),
        }


def count_warmup(settings: Any, samples: int, ranks: int) -> None:
    """A warm-up of 2.5 epochs, as Video Swin's, in iterations: mmcv takes epochs only where they are whole.

    Args:
        settings: mmcv config.
        samples: of the training data.
        ranks: that share them.
    """
    rate = settings.get("lr_config") or {}
    if rate.get("warmup_by_epoch") and not isinstance(rate["warmup_iters"], int):
        epoch = math.ceil(samples / (settings.data.samples_per_gpu * ranks))
        rate.update(warmup_by_epoch=False, warmup_iters=math.ceil(rate["warmup_iters"] * epoch))
