# step 3 of 3, fine-tuning at the published plan for 42 ms (batch 4, 672 x 672, RTX A6000), from the adapted detector
_base_ = "./mask_rcnn_sparsevit-t_fpn_3x_coco.py"
model = dict(backbone=dict(plan={"stage0": 0.3, "stage2_1": 0.1, "stage2_2": 0.2, "stage2_3": 0.2}))
optimizer = dict(lr=1e-5)
load_from = "work_dirs/mask_rcnn_sparsevit-t_fpn_adapt_1x_coco/latest.pth"
