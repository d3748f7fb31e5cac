# fine-tuning at 384 pixels from the weights of 224, which load strictly: no parameter depends on a size. BatchNorm's
# statistics and drop-path stay as in testing. For the authors' file, set model.backbone.init_cfg.checkpoint
_base_ = [
    "../_base_/models/classifier_stvit-s.py",
    "../_base_/datasets/imagenet_384.py",
    "../_base_/classification_runtime.py",
    "../_base_/schedules/adamw_stvit_384.py",
]
model = dict(
    stay_in_eval=True,
    backbone=dict(init_cfg=dict(type="Pretrained", checkpoint="work_dirs/stvit-s_300e_imagenet/latest.pth")),
)
