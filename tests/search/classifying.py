"""A tiny classifier on a few built-in images, as a target: what tests of classification share."""

from pathlib import Path

import torch

from search.targets import Target

CONFIG = """
custom_imports = dict(imports=["sparsearch"], allow_failed_imports=False)
model = dict(
    type="ImageClassifier",
    num_classes=10,
    backbone=dict(
        type="SuperTokenClassifier", embed_dims=(8, 8), depths=(1, 1), num_heads=(1, 2), grid=(1, 1),
        iterations=(1, 1), layer_scale=(None, None), projection=16, num_classes=10, plan={{}},
    ),
)
pipeline = [dict(type="Normalize", mean=[120.0] * 3, std=[60.0] * 3)]
part = dict(type="DigitClasses", images=40, size=64, root="{root}", pipeline=pipeline)
data = dict(
    samples_per_gpu=8, workers_per_gpu=0,
    train=dict(split="train", **part), val=dict(split="confirm", **part), test=dict(split="report", **part),
    search=dict(split="search", **part), confirm=dict(split="confirm", **part), report=dict(split="report", **part),
    val_dataloader=dict(samples_per_gpu=8, workers_per_gpu=0),
    test_dataloader=dict(samples_per_gpu=7, workers_per_gpu=0),
)
optimizer = dict(type="AdamW", lr=1e-3)
optimizer_config = dict(grad_clip=None)
lr_config = dict(policy="fixed")
runner = dict(type="EpochBasedRunner", max_epochs=1)
checkpoint_config = dict(interval=1)
log_config = dict(interval=2, hooks=[dict(type="TextLoggerHook")])
evaluation = dict(interval=1, metric="top_k_accuracy")
log_level = "INFO"
load_from = None
resume_from = None
workflow = [("train", 1)]
"""


def write_target(folder: Path) -> Target:
    """A target whose files lie in `folder`: config, weights that are random but always the same, data on demand."""
    from mmdet.models import build_detector

    from search.training import read_config

    config = folder / "tiny.py"
    config.write_text(CONFIG.format(root=folder / "data"))
    torch.manual_seed(0)
    model = build_detector(read_config(config).model)
    torch.save({"state_dict": model.state_dict()}, folder / "tiny.pth")
    return Target(
        name="tiny", kind="classification", config=config, checkpoint=folder / "tiny.pth", input_size=(64, 64)
    )
