# Kinetics-600 at 384 pixels; clustering before block 12 into 8 x 6 x 6 was published for these weights
_base_ = "./swin-l-384_patch244_window81212_kinetics400_22k.py"
model = dict(num_classes=600, backbone=dict(drop_path_rate=0.4))
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
