"""What a drawing says, as JSON values and as lines."""

from pathlib import Path
from typing import Any

from sparsearch.visualize.records import Map, Scene, Seen


def as_json(scene: Scene, output: Path) -> dict[str, Any]:
    """Shares, groups and results of every plan; boxes in pixels of the frame that is shown."""
    return {
        "image": scene.name,
        "output": str(output),
        "size": list(scene.frames.shape[1:3]),
        "frames": len(scene.frames),
        "plans": [_row(row) for row in scene.rows],
    }


def lines(scene: Scene, output: Path) -> list[str]:
    """A few lines per plan for people."""
    said = []
    for row in scene.rows:
        said.append(f"{row.name}: {macs_in_words(row)}; {result_in_words(row, scene.threshold)}")
        said += [f"  {one.title}: {map_in_words(one)}" for one in row.maps]
    return [*said, f"written: {output}"]


def macs_in_words(row: Seen) -> str:
    """MACs of the backbone, and their share of the dense plan's."""
    aim = "on average about " if row.by_content else ""
    return f"{aim}{row.share:.0%} of the dense backbone's {row.dense_macs / 1e9:.3g} GMACs"


def map_in_words(one: Map) -> str:
    """Percentage kept, or number of groups."""
    if one.kept is not None:
        return f"{one.kept:.0%} kept"
    if one.alone:
        return "every token on its own"
    return f"{one.groups} group{'' if one.groups == 1 else 's'}"


def result_in_words(row: Seen, threshold: float) -> str:
    """How many objects, or the best class."""
    if row.detections is None:
        best = (row.scores or (("nothing", 0.0),))[0]
        return f"{best[0]} {best[1]:.2f}"
    count = len(row.detections)
    return f"{count} object{'' if count == 1 else 's'} of score {threshold:g} or more"


def _row(row: Seen) -> dict[str, Any]:
    result: dict[str, Any] = {
        "name": row.name,
        "plan": dict(row.plan),
        "macs": row.macs,
        "dense_macs": row.dense_macs,
        "macs_share": row.share,
        "depends_on_content": row.by_content,
        "maps": [{"title": one.title, "kind": one.kind, "kept": one.kept, "groups": one.groups} for one in row.maps],
    }
    if row.detections is not None:
        result["detections"] = [
            {"label": one.label, "score": one.score, "box": list(one.box)} for one in row.detections
        ]
    if row.scores is not None:
        result["scores"] = [{"label": label, "score": score} for label, score in row.scores]
    return result
