# built in: clips of 16 frames of 64 pixels, of which a model sees every second one; written on their first use
dataset_type = "MovingDigits"
normalize = dict(type="Normalize", mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])
sampling = dict(clip_len=8, frame_interval=2, num_clips=1)
# no flip: it would turn left into right
train_pipeline = [
    dict(type="RandomResizedCrop", size=64, scale=(0.7, 1.0), ratio=(0.9, 1.1)),
    normalize,
]
test_pipeline = [normalize]
data = dict(
    samples_per_gpu=16,
    workers_per_gpu=0,
    train=dict(type=dataset_type, split="train", size=64, sampling=sampling, pipeline=train_pipeline),
    val=dict(type=dataset_type, split="confirm", size=64, sampling=sampling, pipeline=test_pipeline),
    test=dict(type=dataset_type, split="report", size=64, sampling=sampling, pipeline=test_pipeline),
    val_dataloader=dict(samples_per_gpu=16, workers_per_gpu=0),
    test_dataloader=dict(samples_per_gpu=16, workers_per_gpu=0),
)
evaluation = dict(interval=4, metric="top_k_accuracy")
