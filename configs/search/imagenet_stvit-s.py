# a search over STViT-S on ImageNet: put the data under data/imagenet and register
#   sparsearch target add my-imagenet configs/search/imagenet_stvit-s.py WEIGHTS.pth --img-size 224
# half of the validation images are searched by, the other half confirm; --images 2000 is plenty to begin with
_base_ = "../classification/stvit-s_300e_imagenet.py"
