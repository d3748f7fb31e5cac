"""Just enough SVG: elements with escaped text, a linear axis, and a frame with ticks and grid."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape


def element(tag: str, content: str = "", **attributes: object) -> str:
    """`<tag a="b">content</tag>`; values are escaped, `content` is not; `class_` gives `class`, `_` gives `-`."""
    written = []
    for name, value in attributes.items():
        text = f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
        written.append(f' {name.rstrip("_").replace("_", "-")}="{escape(text)}"')
    return f"<{tag}{''.join(written)}>{content}</{tag}>"


def text(x: float, y: float, words: str, anchor: str = "start", **attributes: object) -> str:
    """A line of text, escaped."""
    return element("text", escape(words), x=x, y=y, text_anchor=anchor, **attributes)


def titled(words: str, *parts: str, **attributes: object) -> str:
    """A group with a tooltip."""
    return element("g", element("title", escape(words)) + "".join(parts), **attributes)


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear map from data `low..high` to pixels `start..end`, with round ticks inside."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def over(cls, values: Sequence[float], start: float, end: float, margin: float = 0.06) -> "Axis":
        """An axis that shows all finite `values` with some room around them."""
        finite = [value for value in values if math.isfinite(value)]
        low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
        room = (high - low) * margin or max(abs(high) * margin, 0.5)
        return cls(low - room, high + room, start, end)

    def at(self, value: float) -> float:
        """Pixel of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self, about: int = 6) -> list[float]:
        """Multiples of 1, 2 or 5 times a power of ten, about that many."""
        raw = (self.high - self.low) / about
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(i * step, 12) for i in range(first, last + 1)]


def frame(x: Axis, y: Axis, x_label: str, y_label: str) -> str:
    """Grid, tick labels and axis titles; y pixels grow downwards, so `y.start` is the bottom."""
    parts = []
    for tick in x.ticks():
        parts.append(element("line", class_="grid", x1=x.at(tick), x2=x.at(tick), y1=y.start, y2=y.end))
        parts.append(text(x.at(tick), y.start + 16, f"{tick:g}", "middle", class_="tick"))
    for tick in y.ticks(5):
        parts.append(element("line", class_="grid", x1=x.start, x2=x.end, y1=y.at(tick), y2=y.at(tick)))
        parts.append(text(x.start - 6, y.at(tick) + 4, f"{tick:g}", "end", class_="tick"))
    parts.append(text((x.start + x.end) / 2, y.start + 34, x_label, "middle", class_="axis"))
    middle = (y.start + y.end) / 2
    parts.append(text(14, middle, y_label, "middle", class_="axis", transform=f"rotate(-90 14 {middle:.0f})"))
    return "".join(parts)


def picture(width: int, height: int, label: str, *parts: str) -> str:
    """A complete inline picture that scales with the page; `label` is what a screen reader says."""
    return element(
        "svg",
        "".join(parts),
        viewBox=f"0 0 {width} {height}",
        role="img",
        aria_label=label,
        preserveAspectRatio="xMidYMid",
    )
