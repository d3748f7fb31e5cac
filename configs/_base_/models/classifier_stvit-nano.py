# a small STViT for the built-in digit classes: built dense, so that every grid of super tokens is a knob;
# 0.6 M parameters
model = dict(
    type="ImageClassifier",
    num_classes=10,
    label_smoothing=0.1,
    backbone=dict(
        type="SuperTokenClassifier",
        embed_dims=(16, 32, 64, 128),
        depths=(2, 2, 4, 1),
        num_heads=(1, 2, 4, 4),
        grid=(1, 1, 1, 1),
        projection=256,
        num_classes=10,
        plan={},
    ),
)
