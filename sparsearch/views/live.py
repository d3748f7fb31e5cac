"""A search in a terminal: one table that redraws itself."""

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from search.records import Event, Point
from sparsearch.views.asked import Asked
from sparsearch.views.conclusion import conclusion
from sparsearch.views.ending import Ending
from sparsearch.views.progress import Progress, duration, latency

_ROWS = 12
_REMARKS = 4


class LiveTable:
    """Phase, rate and ETA; floor, dense and best; the front.

    Args:
        job: the request.
        console: where to draw; None: the terminal.
    """

    def __init__(self, job: Asked, console: Console | None = None) -> None:
        self._progress = Progress(job)
        self._console = console or Console()
        self._live = Live(console=self._console, refresh_per_second=4, transient=True)

    def __enter__(self) -> "LiveTable":
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, event: Event) -> None:
        """See `View.show`."""
        self._progress.apply(event)
        self._live.update(draw(self._progress))

    def conclude(self, ending: Ending) -> None:
        """See `View.conclude`."""
        self._live.stop()
        self._console.print(front_table(self._progress.front, self._progress.best, self._progress.job))
        self._console.print(conclusion(ending, self._progress.job), highlight=False, markup=False, soft_wrap=True)


def draw(known: Progress) -> Group:
    """Everything that is known, as something rich can draw."""
    head = Table.grid(padding=(0, 2))
    head.add_row("target", escape(f"{known.job.target}, {known.job.budget}, sampler {known.job.sampler}"))
    head.add_row("device", escape("; ".join(filter(None, (known.device, str(known.job.setting))))))
    if known.floor is not None and known.dense is not None:
        head.add_row("floor", latency(known.floor))
        head.add_row("dense", latency(known.dense))
    if known.best is not None:
        best = known.best
        head.add_row("best", escape(f"{known.job.metric} {best.metric:.2f} at {best.latency_ms:.4g} ms: {best.plan}"))
    bar = Table.grid(padding=(0, 2))
    speed = "" if known.rate is None else f"{known.rate:.2f}/s, {duration(known.eta_s)} left"
    counts = f"{known.done}/{known.total}" if known.total else ""
    bar.add_row(known.phase or known.state, ProgressBar(max(known.total, 1), known.done, width=32), counts, speed)
    remarks = Text("\n".join(known.remarks[-_REMARKS:]), style="dim")
    return Group(head, bar, front_table(known.front, known.best, known.job), remarks)


def front_table(points: tuple[Point, ...], best: Point | None, job: Asked) -> Table:
    """The front, fastest first; the middle is left out when it is long."""
    table = Table(title=f"front ({len(points)} plans)", title_justify="left")
    table.add_column("ms", justify="right")
    table.add_column("95 % interval")
    table.add_column(job.metric, justify="right")
    table.add_column("P(within)", justify="right")
    table.add_column("plan")
    shown = list(points) if len(points) <= _ROWS else [*points[: _ROWS // 2], *points[-_ROWS // 2 :]]
    for point in shown:
        style = "bold green" if best is not None and point.plan == best.plan else None
        sign = "" if point.measured else "~"
        table.add_row(
            f"{sign}{point.latency_ms:.4g}",
            f"{point.low_ms:.4g} to {point.high_ms:.4g}",
            f"{point.metric:.2f}",
            f"{point.within:.0%}",
            escape(str(point.plan)),
            style=style,
        )
    return table
