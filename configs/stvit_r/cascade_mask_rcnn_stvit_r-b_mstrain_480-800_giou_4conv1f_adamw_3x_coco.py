# the published recipe: 36 epochs at 1e-4 from an ImageNet STViT-R (classification checkpoints load as they are):
#   --cfg-options model.backbone.init_cfg.type=Pretrained model.backbone.init_cfg.checkpoint=FILE
_base_ = [
    "../_base_/models/cascade_mask_rcnn_stvit_r-b_fpn.py",
    "../_base_/datasets/coco_instance_mstrain.py",
    "../_base_/schedules/adamw_coco.py",
    "../_base_/default_runtime.py",
]
lr_config = dict(warmup_iters=500)
