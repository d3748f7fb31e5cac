"""`target add`, `target list`, `models`: what can be searched, and which backbones there are."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from search.home import Home
from search.targets import Target, kind_of_config
from search.targets import add as store_target
from search.targets import targets as known_targets
from sparsearch.command import add
from sparsearch.options import AsJson, size_of
from sparsearch.tables import show

_COLUMNS = ("name", "kind", "input_size", "batch", "scope", "metric", "files", "description")


def add_target(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits, - and _.")],
    config: Annotated[Path, typer.Argument(help="mmdet config with a backbone of `sparsearch models`, and its data.")],
    checkpoint: Annotated[Path, typer.Argument(help="Trained weights, .pth or .safetensors.")],
    img_size: Annotated[str, typer.Option("--img-size", help="What latency is measured at: 672, or 448x672.")] = "672",
    batch: Annotated[int, typer.Option(help="Images per timed forward.")] = 1,
    scope: Annotated[str, typer.Option(help="What is timed: backbone or model.")] = "backbone",
    metric: Annotated[str, typer.Option(help="What is maximised. Default: bbox_mAP, or top1 of a classifier.")] = "",
    description: Annotated[str, typer.Option(help="One line.")] = "",
    replace: Annotated[bool, typer.Option(help="Overwrite a target of this name.")] = False,
) -> None:
    """Register your own model under a name; its files are checked, not copied."""
    target = Target(
        name=name,
        kind=kind_of_config(config),
        config=config.absolute(),
        checkpoint=checkpoint.absolute(),
        input_size=size_of(img_size),
        batch=batch,
        scope=scope,  # type: ignore[arg-type]  # Target checks it
        metric=metric,
        description=description,
    )
    path = store_target(target, Home.default(), replace)
    print(f"target {name} is registered in {path}; search it with: sparsearch search --target {name} --max-ms MS")


def list_targets(as_json: AsJson = False) -> None:
    """Targets that can be searched: the built-in ones and yours."""
    rows = []
    for target in known_targets().values():
        missing = [str(path) for path in (target.config, target.checkpoint) if path is not None and not path.is_file()]
        files = f"missing: {', '.join(missing)}" if missing else "ok" if target.config else "none needed"
        rows.append({**target.to_dict(), "files": files})
    show(rows, _COLUMNS, as_json)


def models(as_json: AsJson = False) -> None:
    """Backbones of the zoo, with their space at the usual input size."""
    import torch

    from models.zoo import ZOO, build

    for name, (family, variant) in ZOO.items():
        with torch.device("meta"):
            backbone: Any = build(name)
        space = backbone.space(variant.input_size)
        size = "x".join(map(str, variant.input_size))
        row = {
            "name": name,
            "family": family.name,
            "parameters": sum(parameter.numel() for parameter in backbone.parameters()),
            "input_size": list(variant.input_size),
            "knobs": list(space.names),
            "plans": len(space),
            "gmacs_dense": backbone.work(space.dense, variant.input_size).macs / 1e9,
            "source": variant.source,
        }
        if as_json:
            print(json.dumps(row))
        else:
            print(
                f"{name:18} {row['parameters'] / 1e6:6.1f} M parameters, {row['gmacs_dense']:7.2f} GMACs at {size}, "
                f"{row['plans']:,} plans of {len(space.names)} knobs; {variant.source}"
            )


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="What can be searched: a model, its weights and its data.")
    add(group, add_target, "add")
    add(group, list_targets, "list")
    app.add_typer(group, name="target")
    add(app, models)
