"""Tiny classifiers on a few built-in images or clips, as targets: what tests of classification share."""

from pathlib import Path

import torch

from search.targets import Target, kind_of_config

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


VIDEO = """
custom_imports = dict(imports=["sparsearch"], allow_failed_imports=False)
model = dict(
    type="VideoClassifier",
    num_classes=8,
    backbone=dict(
        type="VideoSwin", frames=4, embed_dims=8, depths=(4, 1), num_heads=(1, 2), window_size=(2, 4, 4),
        clipped_bias="exact", plan={{}},
    ),
    cls_head=dict(in_channels=16, dropout_ratio=0.0),
    max_testing_views=4,
)
pipeline = [dict(type="ThreeCrops", size=32), dict(type="Normalize", mean=[120.0] * 3, std=[60.0] * 3)]
plain = pipeline[1:]
train_sampling = dict(clip_len=4, frame_interval=2, num_clips=1)
sampling = dict(clip_len=4, frame_interval=1, num_clips=2)
part = dict(type="MovingDigits", clips=20, frames=8, size=32, root="{root}")
tested = dict(sampling=sampling, pipeline=pipeline, **part)
data = dict(
    samples_per_gpu=4, workers_per_gpu=0,
    train=dict(split="train", sampling=train_sampling, pipeline=plain, **part),
    val=dict(split="confirm", **tested), test=dict(split="report", **tested),
    search=dict(split="search", **tested), confirm=dict(split="confirm", **tested),
    report=dict(split="report", **tested),
    test_dataloader=dict(samples_per_gpu=3, workers_per_gpu=0),
)
optimizer = dict(type="AdamW", lr=1e-3)
optimizer_config = dict(grad_clip=None)
lr_config = dict(policy="fixed")
runner = dict(type="EpochBasedRunner", max_epochs=1)
checkpoint_config = dict(interval=1)
log_config = dict(interval=2, hooks=[dict(type="TextLoggerHook")])
evaluation = dict(interval=1, metric="top_k_accuracy")
training_free = True
log_level = "INFO"
load_from = None
resume_from = None
workflow = [("train", 1)]
"""


def write_target(folder: Path, video: bool = False) -> Target:
    """A target whose files lie in `folder`: config, weights that are random but always the same, data on demand.

    Args:
        video: a classifier of clips, of 3 crops x 2 clips each; else of images.
    """
    from mmdet.models import build_detector

    from search.training import read_config

    config = folder / "tiny.py"
    config.write_text((VIDEO if video else CONFIG).format(root=folder / "data"))
    torch.manual_seed(0)
    model = build_detector(read_config(config).model)
    torch.save({"state_dict": model.state_dict()}, folder / "tiny.pth")
    size = (32, 32) if video else (64, 64)
    kind = kind_of_config(config)
    return Target(name="tiny", kind=kind, config=config, checkpoint=folder / "tiny.pth", input_size=size)
