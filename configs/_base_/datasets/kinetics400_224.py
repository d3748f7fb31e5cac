# Kinetics-400 as lists of `path label`: clips of 32 frames, every second one; tested on 4 clips in 3 crops each
dataset_type = "VideoList"
data_root = "data/kinetics400/"
normalize = dict(type="Normalize", mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])
train_pipeline = [
    dict(type="Resize", size=256),
    dict(type="RandomResizedCrop", size=224),
    dict(type="RandomHorizontalFlip", p=0.5),
    normalize,
]
val_pipeline = [dict(type="Resize", size=256), dict(type="CenterCrop", size=224), normalize]
test_pipeline = [dict(type="ThreeCrops", size=224), normalize]
train_sampling = dict(clip_len=32, frame_interval=2, num_clips=1)
test_sampling = dict(clip_len=32, frame_interval=2, num_clips=4)
data = dict(
    samples_per_gpu=8,
    workers_per_gpu=4,
    train=dict(
        type=dataset_type,
        ann_file=data_root + "kinetics400_train_list_videos.txt",
        data_prefix=data_root + "videos_train",
        num_classes=400,
        sampling=train_sampling,
        pipeline=train_pipeline,
    ),
    val=dict(
        type=dataset_type,
        ann_file=data_root + "kinetics400_val_list_videos.txt",
        data_prefix=data_root + "videos_val",
        num_classes=400,
        sampling=train_sampling,
        pipeline=val_pipeline,
    ),
    test=dict(
        type=dataset_type,
        ann_file=data_root + "kinetics400_val_list_videos.txt",
        data_prefix=data_root + "videos_val",
        num_classes=400,
        sampling=test_sampling,
        pipeline=test_pipeline,
    ),
    val_dataloader=dict(samples_per_gpu=1, workers_per_gpu=4),
    test_dataloader=dict(samples_per_gpu=1, workers_per_gpu=4),
)
evaluation = dict(interval=5, metric=["top_k_accuracy", "mean_class_accuracy"])
