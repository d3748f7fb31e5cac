"""`metafile.yml`: the bundle as an entry of an mmdet model zoo, latency included."""

from typing import Any

import yaml

from models.zoo import Family
from search.export.subject import Subject, device_name

_TASKS = {
    "bbox_mAP": ("Object Detection", "box AP"),
    "segm_mAP": ("Instance Segmentation", "mask AP"),
    "top1": ("Classification", "Top 1 Accuracy"),
    "top5": ("Classification", "Top 5 Accuracy"),
}


def metafile(subject: Subject, name: str, weights: str | None, family: Family) -> str:
    """The YAML text.

    Args:
        subject: the answer.
        name: name of the model entry.
        weights: file name of the checkpoint in the bundle; None where there is none.
        family: what the backbone belongs to.
    """
    metrics = subject.confirmed.metrics if subject.confirmed else subject.chosen.metrics
    results = [
        {"Task": task, "Dataset": subject.target, "Metrics": {label: round(metrics[metric], 1)}}
        for metric, (task, label) in _TASKS.items()
        if metric in metrics
    ]
    model: dict[str, Any] = {
        "Name": name,
        "In Collection": family.name,
        "Config": "finetune.py",
        "Metadata": {
            "inference time (ms/im)": [_inference_time(subject)],
            "Sparsity Plan": dict(subject.chosen.plan),
            "Training Data": subject.target,
            "Architecture": [family.type],
        },
        "Results": results,
    }
    if weights is None:
        del model["Config"]
    else:
        model["Weights"] = weights
    collection = {
        "Name": family.name,
        "Metadata": {"Architecture": [family.type]},
        "Paper": {"URL": f"https://arxiv.org/abs/{family.paper.arxiv}", "Title": family.paper.title},
        "README": "README.md",
    }
    text: str = yaml.safe_dump({"Collections": [collection], "Models": [model]}, sort_keys=False, allow_unicode=True)
    return text


def _inference_time(subject: Subject) -> dict[str, Any]:
    setting = subject.setting
    batch = int(setting.get("batch", 1))
    size = setting.get("input_size", ())
    return {
        "value": round(subject.chosen.timing.median_ms / batch, 3),
        "hardware": device_name(subject),
        "backend": f"PyTorch ({setting.get('runtime', 'eager')}, {setting.get('scope', 'backbone')} only)"
        if setting.get("scope", "backbone") == "backbone"
        else f"PyTorch ({setting.get('runtime', 'eager')})",
        "batch size": batch,
        "mode": {"float32": "FP32", "float16": "FP16", "bfloat16": "BF16"}.get(str(setting.get("dtype")), "FP32"),
        "resolution": f"({', '.join(str(side) for side in size)})",
    }
