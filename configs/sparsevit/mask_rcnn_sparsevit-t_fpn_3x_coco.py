# step 1 of 3, dense training: 36 epochs at 1e-4 from an ImageNet Swin-T
_base_ = [
    "../_base_/models/mask_rcnn_sparsevit-t_fpn.py",
    "../_base_/datasets/coco_instance_672.py",
    "../_base_/schedules/adamw_coco.py",
    "../_base_/default_runtime.py",
]
