"""`README.md` of a bundle: what it is, and the exact commands."""

from latency.memory import KEEPING_TEXT
from search.export.subject import Subject, call, verdict
from search.tasks import TASKS

_TRAIN = """
## Fine-tune

```console
$ sparsearch train finetune.py                          # one process: a GPU if there is one, else the CPU
$ sparsearch train finetune.py --launcher pytorch       # under torchrun; --launcher mpi under mpirun or torchpack
```

The file is an ordinary mmdet 2.28 config, so mmdet's own tools read it too, once `sparsearch` is installed
(it registers the backbone):

```console
$ python tools/train.py finetune.py
$ python tools/test.py finetune.py work_dirs/finetune/latest.pth --eval {metrics}
```

`load_from` points at `{weights}` beside the config, wherever the folder lies and whatever the current directory is.
Anything else is changed as usual, for example where the data lie or how long to train:

```console
$ sparsearch train finetune.py --cfg-options data.samples_per_gpu=4 runner.max_epochs=3 lr_config.step=[2]
```
"""

_FREE = """
## Use

**No fine-tuning is needed**: this method changes what is computed, not the weights, and the numbers above are those of
the weights in this folder. `finetune.py` is the config to run them with the plan built in:

```console
$ sparsearch test finetune.py {weights} --eval {metrics}
```

Fine-tuning stays possible:
"""

_SERVE = """
## Serve

The latencies are those of a process that keeps its memory. On a CPU under Linux forwards may otherwise take a tenth
longer, so set these variables for the process that serves the model:

```console
$ export {variables}
```
"""

_VERIFY = """
## Check

```console
$ sparsearch verify .
```

compares every digest, reads the config as data, rebuilds the model, loads the weights strictly, measures this plan
against the dense one again, and evaluates accuracy where the data are at hand.
"""


def readme(subject: Subject, name: str, weights: str | None, free: bool = False) -> str:
    """The text of the README.

    Args:
        subject: the answer.
        name: name of the bundle.
        weights: file name of the checkpoint; None where there is none.
        free: the plan needs no fine-tuning.
    """
    parts = [f"# {name}\n"]
    if subject.simulated:
        parts.append("**Simulated: these numbers are no statement about real hardware or a real model.**\n")
    parts.append(verdict(subject) + "\n")
    parts.append(_table(subject))
    if weights is not None:
        metrics = " ".join(TASKS[subject.kind].default)
        if free:
            parts.append(_FREE.format(weights=weights, metrics=metrics))
        parts.append(_TRAIN.format(weights=weights, metrics=metrics))
    else:
        parts.append("\nThis target has no model, so there is no config and there are no weights to fine-tune.\n")
    if subject.device.get("details", {}).get("key", {}).get("memory") == "kept":
        parts.append(_SERVE.format(variables=KEEPING_TEXT))
    parts.append(_VERIFY)
    parts.append(_files(weights, free))
    return "\n".join(parts)


def _table(subject: Subject) -> str:
    metric = subject.metric
    lines = [f"| | latency ms (95 % interval) | {call(metric)} |", "|---|---|---|"]
    for label, point in (("this plan", subject.chosen), ("dense", subject.dense), ("floor (sparsest)", subject.floor)):
        timing = point.timing
        accuracy = f"{point.metrics[metric]:.1f}" if metric in point.metrics else "not evaluated"
        lines.append(f"| {label} | {timing.median_ms:.3f} ({timing.low_ms:.3f} to {timing.high_ms:.3f}) | {accuracy} |")
    return "\n".join(lines) + "\n"


def _files(weights: str | None, free: bool) -> str:
    use = "the config, for use and for fine-tuning" if free else "the fine-tune config"
    rows = [
        ("finetune.py", f"{use}: assignments of literals only"),
        (str(weights), "the weights the search used, for `load_from`"),
        ("plan.json", "the plan"),
        ("report.html", "front, plan and latencies, in one file"),
        ("manifest.json", "where every number comes from; digests of all files"),
        ("latency_samples.json", "the raw latency records"),
        ("metafile.yml", "entry for an mmdet model zoo"),
    ]
    shown = rows if weights is not None else rows[2:]
    return "\n## Files\n\n" + "\n".join(f"* `{name}`: {what}" for name, what in shown) + "\n"
