# a search over the adapted STViT-R on COCO: put the data under data/coco and register
#   sparsearch target add my-coco configs/search/coco_stvit_r-s.py ADAPTED.pth --img-size 800x1344
_base_ = "../stvit_r/cascade_mask_rcnn_stvit_r-s_mstrain_480-800_giou_4conv1f_adamw_3x_coco.py"
optimizer = dict(lr=1e-5)
