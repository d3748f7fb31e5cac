# Video Swin's training (arXiv 2106.13230): 8 GPUs x 8 clips, gradients of 8 batches added up. The backbone learns at a
# tenth of the head's rate; norms and position tables do not decay. A name must be longer than "backbone" to be told
# apart inside it
optimizer = dict(
    type="AdamW",
    lr=1e-3,
    betas=(0.9, 0.999),
    weight_decay=0.02,
    paramwise_cfg=dict(
        custom_keys={
            "backbone": dict(lr_mult=0.1),
            "relative_position_bias_table": dict(lr_mult=0.1, decay_mult=0.0),
            ".norm1.weight": dict(lr_mult=0.1, decay_mult=0.0),
            ".norm1.bias": dict(lr_mult=0.1, decay_mult=0.0),
            ".norm2.weight": dict(lr_mult=0.1, decay_mult=0.0),
            ".norm2.bias": dict(lr_mult=0.1, decay_mult=0.0),
            "patch_embed.norm": dict(lr_mult=0.1, decay_mult=0.0),
            "downsample.norm": dict(lr_mult=0.1, decay_mult=0.0),
            "backbone.norm": dict(lr_mult=0.1, decay_mult=0.0),
        }
    ),
)
optimizer_config = dict(
    type="GradientCumulativeFp16OptimizerHook", cumulative_iters=8, loss_scale="dynamic", grad_clip=None
)
lr_config = dict(
    policy="CosineAnnealing",
    min_lr=0.0,
    warmup="linear",
    warmup_by_epoch=True,
    warmup_iters=2.5,
    warmup_ratio=0.1,
)
runner = dict(type="EpochBasedRunner", max_epochs=30)
