# Mask R-CNN on Swin-T whose blocks work on clusters of tokens: nothing is trained, any checkpoint of the dense detector
# runs (mmdet's mask_rcnn_swin-t-p4-w7_fpn_*; for one trained with configs/sparsevit add padding="before_norm")
_base_ = "../sparsevit/mask_rcnn_sparsevit-t_fpn_3x_coco.py"
model = dict(
    backbone=dict(
        _delete_=True,
        type="HourglassSwin",
        embed_dims=96,
        depths=(2, 2, 6, 2),
        num_heads=(3, 6, 12, 24),
        window_size=7,
        drop_path_rate=0.2,
        plan={"location": 7, "grid": 5},
    )
)
training_free = True
