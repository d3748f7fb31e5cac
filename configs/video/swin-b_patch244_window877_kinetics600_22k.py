# Kinetics-600, from an ImageNet-22k Swin-B
_base_ = "./swin-b_patch244_window877_kinetics400_22k.py"
model = dict(num_classes=600)
data = dict(
    train=dict(
        ann_file="data/kinetics600/kinetics600_train_list_videos.txt",
        data_prefix="data/kinetics600/videos_train",
        num_classes=600,
    ),
    val=dict(
        ann_file="data/kinetics600/kinetics600_val_list_videos.txt",
        data_prefix="data/kinetics600/videos_val",
        num_classes=600,
    ),
    test=dict(
        ann_file="data/kinetics600/kinetics600_val_list_videos.txt",
        data_prefix="data/kinetics600/videos_val",
        num_classes=600,
    ),
)
