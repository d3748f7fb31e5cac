# Something-Something v2: frames spread over the whole video, never mirrored (left and right mean something); tested on
# three crops
dataset_type = "VideoList"
data_root = "data/sthv2/"
normalize = dict(type="Normalize", mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])
train_pipeline = [
    dict(type="Resize", size=256),
    dict(type="RandomResizedCrop", size=224),
    dict(type="RandAugment", num_ops=4, magnitude=7, std=0.5),
    normalize,
    dict(type="RandomErasing", p=0.25, value="random"),
]
val_pipeline = [dict(type="Resize", size=256), dict(type="CenterCrop", size=224), normalize]
test_pipeline = [dict(type="ThreeCrops", size=224), normalize]
sampling = dict(clip_len=32, num_clips=1, uniform=True)
data = dict(
    samples_per_gpu=8,
    workers_per_gpu=4,
    train=dict(
        type=dataset_type,
        ann_file=data_root + "sthv2_train_list_videos.txt",
        data_prefix=data_root + "videos",
        num_classes=174,
        sampling=sampling,
        pipeline=train_pipeline,
    ),
    val=dict(
        type=dataset_type,
        ann_file=data_root + "sthv2_val_list_videos.txt",
        data_prefix=data_root + "videos",
        num_classes=174,
        sampling=sampling,
        pipeline=val_pipeline,
    ),
    test=dict(
        type=dataset_type,
        ann_file=data_root + "sthv2_val_list_videos.txt",
        data_prefix=data_root + "videos",
        num_classes=174,
        sampling=sampling,
        pipeline=test_pipeline,
    ),
    val_dataloader=dict(samples_per_gpu=1, workers_per_gpu=4),
    test_dataloader=dict(samples_per_gpu=1, workers_per_gpu=4),
)
evaluation = dict(interval=5, metric=["top_k_accuracy", "mean_class_accuracy"])
