# from an ImageNet-1k Swin-B
_base_ = "./swin-s_patch244_window877_kinetics400_1k.py"
model = dict(
    backbone=dict(
        embed_dims=128,
        num_heads=(4, 8, 16, 32),
        drop_path_rate=0.3,
        init_cfg=dict(type="Pretrained", checkpoint="swin_base_patch4_window7_224.pth"),
    ),
    cls_head=dict(in_channels=1024),
)
optimizer = dict(weight_decay=0.05)
