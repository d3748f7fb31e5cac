# built in: one handwritten digit per photo crop, written on demand on its first use
dataset_type = "DigitClasses"
normalize = dict(type="Normalize", mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])
train_pipeline = [
    dict(type="RandomResizedCrop", size=64, scale=(0.6, 1.0), ratio=(0.8, 1.25)),
    normalize,
]
test_pipeline = [normalize]
data = dict(
    samples_per_gpu=32,
    workers_per_gpu=0,
    train=dict(type=dataset_type, split="train", size=128, pipeline=train_pipeline),
    val=dict(type=dataset_type, split="confirm", size=128, pipeline=test_pipeline),
    test=dict(type=dataset_type, split="report", size=128, pipeline=test_pipeline),
    val_dataloader=dict(samples_per_gpu=32, workers_per_gpu=0),
    test_dataloader=dict(samples_per_gpu=32, workers_per_gpu=0),
)
evaluation = dict(interval=5, metric="top_k_accuracy")
