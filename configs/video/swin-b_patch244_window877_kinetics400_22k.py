# from an ImageNet-22k Swin-B
_base_ = "./swin-b_patch244_window877_kinetics400_1k.py"
model = dict(
    backbone=dict(
        drop_path_rate=0.2, init_cfg=dict(type="Pretrained", checkpoint="swin_base_patch4_window7_224_22k.pth")
    )
)
optimizer = dict(lr=3e-4)
