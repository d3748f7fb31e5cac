# STViT-S (arXiv 2211.11167), 25.5 M parameters, 4.4 GMACs at 224 pixels
model = dict(
    type="ImageClassifier",
    num_classes=1000,
    label_smoothing=0.1,
    mix=dict(mixup=0.8, cutmix=1.0, prob=1.0, switch=0.5),
    backbone=dict(
        type="SuperTokenClassifier",
        embed_dims=(64, 128, 320, 512),
        depths=(3, 5, 9, 3),
        num_heads=(1, 2, 5, 8),
        layer_scale=(None, None, None, None),
        drop_path_rate=0.1,
        num_classes=1000,
        plan={},
    ),
)
