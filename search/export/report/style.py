"""The look of a report: light, dark, and on paper."""

STYLE = """
:root { color-scheme: light dark; --ink: #1d232b; --soft: #5b6672; --paper: #ffffff; --line: #dde2e8; --tint: #f3f6f9;
  --accent: #0b6bcb; --dense: #6b7785; --floor: #2c8a57; --budget: #c0392b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaef; --soft: #9aa6b2; --paper: #14181d; --line: #2b333c;
  --tint: #1c2229; --accent: #5aa9f5; --dense: #9aa6b2; --floor: #5cc08a; --budget: #f0776a; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.6rem; margin: 0 0 .5rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
.verdict { font-size: 1.05rem; border-left: 4px solid var(--accent); padding: .5rem 1rem; background: var(--tint); }
.notice { border: 1px solid var(--budget); color: var(--budget); padding: .4rem 1rem; font-weight: 600; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .85rem; width: 100%; }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid var(--line); }
td { font-variant-numeric: tabular-nums; }
th { color: var(--soft); font-weight: 600; } tr.marked td { background: var(--tint); font-weight: 600; }
footer { margin-top: 2rem; color: var(--soft); font-size: .85rem; }
svg { width: 100%; height: auto; display: block; } svg text { fill: var(--ink); font-size: 12px; }
svg .tick, svg .axis { fill: var(--soft); } svg .grid { stroke: var(--line); stroke-width: 1; }
svg .budget { stroke: var(--budget); stroke-width: 1.5; stroke-dasharray: 5 4; }
svg .budget-label { fill: var(--budget); }
svg polyline { fill: none; } svg .front { stroke: var(--accent); stroke-width: 1.5; opacity: .5; }
svg .whisker { stroke: var(--accent); stroke-width: 1.2; } svg circle { fill: var(--accent); stroke: var(--paper); }
svg circle.predicted { fill: var(--paper); stroke: var(--accent); stroke-width: 1.5; }
svg .whisker.dense { stroke: var(--dense); } svg circle.dense { fill: var(--dense); }
svg circle.chosen { stroke: var(--ink); stroke-width: 2; } svg .point-label { font-weight: 600; }
svg .bar-back { fill: var(--tint); stroke: var(--line); } svg .bar { fill: var(--accent); }
svg .ecdf { stroke-width: 2; } svg .chosen-line { stroke: var(--accent); } svg .dense-line { stroke: var(--dense); }
svg .floor-line { stroke: var(--floor); } svg .chosen-label { fill: var(--accent); }
svg .dense-label { fill: var(--dense); }
svg .floor-label { fill: var(--floor); }
@media print { :root { --ink: #000; --soft: #444; --paper: #fff; --line: #ccc; --tint: #f4f4f4; --accent: #0b4f96;
  --dense: #555; --floor: #20663f; --budget: #a02015; }
  main { max-width: none; padding: 0; } section { break-inside: avoid; } .scroll { overflow: visible; } }
"""
