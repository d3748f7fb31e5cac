"""COCO metrics of detections on some images of a data set, with what each image contributed."""

import contextlib
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

METRICS = {"bbox": "bbox_mAP", "segm": "segm_mAP"}
Detections = Mapping[str, Sequence[dict[str, Any]]]
"""COCO result entries by kind, "bbox" and "segm"."""


def to_coco(result: Any, image_id: int, category_ids: Sequence[int]) -> dict[str, list[dict[str, Any]]]:
    """One image's result of an mmdet detector as COCO result entries.

    Args:
        result: boxes per class, each (n, 5) as x1, y1, x2, y2, score; or a pair of those and of run-length masks.
        image_id, category_ids: COCO's numbers of the image and of the classes.
    """
    boxes, masks = result if isinstance(result, tuple) else (result, None)
    found: dict[str, list[dict[str, Any]]] = {"bbox": []} if masks is None else {"bbox": [], "segm": []}
    for label, rows in enumerate(boxes):
        for index, row in enumerate(np.asarray(rows, dtype=np.float64)):
            x1, y1, x2, y2, score = row.tolist()
            entry = {"image_id": image_id, "category_id": category_ids[label], "score": score}
            found["bbox"].append({**entry, "bbox": [x1, y1, x2 - x1, y2 - y1]})
            if masks is not None:
                mask = masks[label][index]
                counts = mask["counts"].decode() if isinstance(mask["counts"], bytes) else mask["counts"]
                found["segm"].append({**entry, "segmentation": {"size": list(mask["size"]), "counts": counts}})
    return found


def score(coco: Any, detections: Detections, image_ids: Sequence[int]) -> tuple[dict[str, float], dict[str, Any]]:
    """Mean average precision in 0..100 over IoU 0.5:0.95, as COCO's reference code computes it.

    Args:
        coco: the annotations, a `pycocotools.coco.COCO`.
        detections: entries of exactly these images.
        image_ids: the images.
    Returns:
        metrics (`bbox_mAP`, `bbox_mAP_50`, ... where there are masks also `segm_...`), and the table of matches of the
        first kind: per image, class and detection its score and the IoU thresholds it matched at.
    """
    from pycocotools.cocoeval import COCOeval

    metrics: dict[str, float] = {}
    tables: dict[str, Any] = {}
    for kind, entries in detections.items():
        name = METRICS[kind]
        if not entries:
            metrics |= {name: 0.0, f"{name}_50": 0.0, f"{name}_75": 0.0}
            continue
        # the reference code reports progress on standard output, which belongs to our events
        with contextlib.redirect_stdout(io.StringIO()):
            evaluation = COCOeval(coco, coco.loadRes([dict(entry) for entry in entries]), kind)
            evaluation.params.imgIds = sorted(image_ids)
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
        # -1 stands for "nothing to find"
        values = [max(0.0, float(value)) * 100 for value in evaluation.stats[:3]]
        metrics |= {name: values[0], f"{name}_50": values[1], f"{name}_75": values[2]}
        if not tables:
            tables = match_table(evaluation)
    return metrics, tables


def match_table(evaluation: Any) -> dict[str, Any]:
    """Per image and class: objects to find, and per detection (score, thresholds matched as bits, lowest first).

    What racing over images and bootstrapping need to recompute the metric on any subset; JSON values only.
    """
    table: dict[str, Any] = {}
    areas = evaluation.params.areaRng[0]
    for entry in evaluation.evalImgs:
        if entry is None or entry["aRng"] != areas:
            continue
        objects = int(np.count_nonzero(np.asarray(entry["gtIgnore"]) == 0))
        ignored = np.asarray(entry["dtIgnore"]).reshape(len(entry["dtMatches"]), -1)
        matched = np.asarray(entry["dtMatches"]).reshape(len(entry["dtMatches"]), -1) > 0
        bits = (matched & (ignored == 0)).T @ (1 << np.arange(len(matched)))
        rows = [
            [round(float(confidence), 5), int(mask)]
            for confidence, mask, skip in zip(entry["dtScores"], bits, np.all(ignored, axis=0).tolist(), strict=True)
            if not skip
        ]
        table.setdefault(str(entry["image_id"]), {})[str(entry["category_id"])] = [objects, rows]
    return table
