# ImageNet-1k in folders, one per class, with the augmentation of STViT's training: 8 GPUs x 128 images, each image
# three times in a batch (43 x 3 per GPU here), so that an epoch passes over a third of the images
dataset_type = "ImageFolder"
data_root = "data/imagenet/"
normalize = dict(type="Normalize", mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])
train_pipeline = [
    dict(type="RandomResizedCrop", size=224, interpolation="bicubic"),
    dict(type="RandomHorizontalFlip", p=0.5),
    dict(type="RandAugment", num_ops=2, magnitude=9, std=0.5),
    normalize,
    dict(type="RandomErasing", p=0.25, value="random"),
]
test_pipeline = [
    dict(type="Resize", size=256, interpolation="bicubic"),
    dict(type="CenterCrop", size=224),
    normalize,
]
data = dict(
    samples_per_gpu=43,
    workers_per_gpu=8,
    train=dict(type=dataset_type, data_prefix=data_root + "train", pipeline=train_pipeline, repeats=3),
    val=dict(type=dataset_type, data_prefix=data_root + "val", pipeline=test_pipeline),
    test=dict(type=dataset_type, data_prefix=data_root + "val", pipeline=test_pipeline),
    val_dataloader=dict(samples_per_gpu=64, workers_per_gpu=8),
    test_dataloader=dict(samples_per_gpu=64, workers_per_gpu=8),
)
evaluation = dict(interval=1, metric="top_k_accuracy")
