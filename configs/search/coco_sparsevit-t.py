# a search over the adapted SparseViT-T on COCO: put the data under data/coco and register
#   sparsearch target add my-coco configs/search/coco_sparsevit-t.py ADAPTED.pth
_base_ = "../sparsevit/mask_rcnn_sparsevit-t_fpn_3x_coco.py"
optimizer = dict(lr=1e-5)
