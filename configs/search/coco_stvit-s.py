# a search over the adapted STViT-S on COCO: put the data under data/coco and register
#   sparsearch target add my-coco configs/search/coco_stvit-s.py ADAPTED.pth --img-size 800x1344
_base_ = "../stvit/mask_rcnn_stvit-s_fpn_3x_coco.py"
optimizer = dict(lr=1e-5)
