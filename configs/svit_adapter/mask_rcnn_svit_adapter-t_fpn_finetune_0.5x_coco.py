# an example of fine-tuning at one plan of exact counts, from the adapted detector; a search exports its own
_base_ = "./mask_rcnn_svit_adapter-t_fpn_0.5x_coco.py"
model = dict(backbone=dict(plan={"mode": "topk", "keep3_5": 0.7, "keep6_8": 0.49, "keep9_11": 0.343}))
load_from = "work_dirs/mask_rcnn_svit_adapter-t_fpn_adapt_0.5x_coco/latest.pth"
