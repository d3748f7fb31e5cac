# a search over the adapted STViT-S on COCO: put the data under data/coco and register
#   sparsearch target add my-coco --config configs/search/coco_stvit-s.py --checkpoint ADAPTED.pth
_base_ = "../stvit/mask_rcnn_stvit-s_fpn_3x_coco.py"
optimizer = dict(lr=1e-5)
