# ImageNet-1k at 384 pixels: 8 GPUs x 64 images (21 x 3 per GPU here), tested on the whole short side
_base_ = "./imagenet_224.py"
normalize = dict(type="Normalize", mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])
train_pipeline = [
    dict(type="RandomResizedCrop", size=384, interpolation="bicubic"),
    dict(type="RandomHorizontalFlip", p=0.5),
    dict(type="RandAugment", num_ops=2, magnitude=9, std=0.5),
    normalize,
    dict(type="RandomErasing", p=0.25, value="random"),
]
test_pipeline = [
    dict(type="Resize", size=384, interpolation="bicubic"),
    dict(type="CenterCrop", size=384),
    normalize,
]
data = dict(
    samples_per_gpu=21,
    train=dict(pipeline=train_pipeline),
    val=dict(pipeline=test_pipeline),
    test=dict(pipeline=test_pipeline),
    val_dataloader=dict(samples_per_gpu=32),
    test_dataloader=dict(samples_per_gpu=32),
)
