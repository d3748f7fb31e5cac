"""Colours and rules of the drawn plots; the colours are those of the report and of the light pages."""

from typing import Any

INK, SOFT, GRID, PAPER = "#1d232b", "#5b6672", "#e6eaef", "#ffffff"
ACCENT, BUDGET, DENSE, FLOOR, FAINT = "#0b6bcb", "#c0392b", "#6b7785", "#2c8a57", "#c4ccd6"
ROLES = {"chosen": ACCENT, "floor": FLOOR, "dense": DENSE, "finalist": "#9dbfe4", "front": "#9dbfe4"}

RULES: dict[str, Any] = {
    "svg.fonttype": "path",
    "font.family": "sans-serif",
    "font.size": 8.0,
    "axes.edgecolor": GRID,
    "axes.labelcolor": SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "legend.frameon": False,
    "text.parse_math": False,
}
