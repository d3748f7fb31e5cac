# the published optimiser of ViT-Adapter: batches of 16, mixed precision, no gradient clipping
optimizer = dict(
    type="AdamW",
    lr=1e-4,
    betas=(0.9, 0.999),
    weight_decay=0.05,
    paramwise_cfg=dict(
        custom_keys={
            "level_embed": dict(decay_mult=0.0),
            "pos_embed": dict(decay_mult=0.0),
            "norm": dict(decay_mult=0.0),
            "bias": dict(decay_mult=0.0),
        }
    ),
)
optimizer_config = dict(grad_clip=None)
fp16 = dict(loss_scale=dict(init_scale=512))
lr_config = dict(policy="step", warmup="linear", warmup_iters=500, warmup_ratio=0.001, step=[27, 33])
runner = dict(type="EpochBasedRunner", max_epochs=36)
auto_scale_lr = dict(enable=False, base_batch_size=16)
