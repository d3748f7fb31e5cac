# from an ImageNet-1k Swin-S
_base_ = "./swin-t_patch244_window877_kinetics400_1k.py"
model = dict(
    backbone=dict(
        depths=(2, 2, 18, 2), init_cfg=dict(type="Pretrained", checkpoint="swin_small_patch4_window7_224.pth")
    )
)
optimizer_config = dict(cumulative_iters=8)
