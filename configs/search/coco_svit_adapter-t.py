# a search over the adapted SViT-T on COCO: put the data under data/coco and register
#   sparsearch target add my-coco configs/search/coco_svit_adapter-t.py ADAPTED.pth --img-size 800x1344
_base_ = "../svit_adapter/mask_rcnn_svit_adapter-t_fpn_0.5x_coco.py"
model = dict(backbone=dict(plan={"mode": "topk"}))
