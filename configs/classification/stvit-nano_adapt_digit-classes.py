# step 2 of 2, under random plans at the size that is searched
_base_ = "./stvit-nano_adapt-64_digit-classes.py"
train_pipeline = [
    dict(type="RandomResizedCrop", size=128, scale=(0.6, 1.0), ratio=(0.8, 1.25)),
    {{_base_.normalize}},
]
data = dict(train=dict(pipeline=train_pipeline))
optimizer = dict(lr=5e-4)
lr_config = dict(warmup_iters=20)
runner = dict(max_epochs=3)
load_from = "work_dirs/stvit-nano_adapt-64_digit-classes/latest.pth"
