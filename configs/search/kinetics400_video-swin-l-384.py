# a search over where and how Video Swin-L clusters its tokens on Kinetics-400; nothing is trained. Register
#   sparsearch target add my-kinetics configs/search/kinetics400_video-swin-l-384.py WEIGHTS.pth --img-size 384
# half of the validation videos are searched by, the other half confirm; one view of each, or a search would take days
_base_ = "../video/swin-l-384_patch244_window81212_kinetics400_22k.py"
training_free = True
