# Kinetics-400 at 384 pixels: stronger augmentation; tested on 10 clips in 5 views each
_base_ = "./kinetics400_224.py"
normalize = dict(type="Normalize", mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])
train_pipeline = [
    dict(type="Resize", size=416),
    dict(type="RandomResizedCrop", size=384),
    dict(type="RandomHorizontalFlip", p=0.5),
    dict(type="RandAugment", num_ops=4, magnitude=7, std=0.5),
    normalize,
    dict(type="RandomErasing", p=0.25, value="random"),
]
val_pipeline = [dict(type="Resize", size=384), dict(type="CenterCrop", size=384), normalize]
test_pipeline = [dict(type="FiveViews", size=384), normalize]
test_sampling = dict(clip_len=32, frame_interval=2, num_clips=10)
data = dict(
    train=dict(pipeline=train_pipeline),
    val=dict(pipeline=val_pipeline),
    test=dict(sampling=test_sampling, pipeline=test_pipeline),
)
