"""Style sheet of a page, for light and dark mode."""

STYLE = """
:root {
  color-scheme: light dark;
  --ground: #f6f7f9; --card: #ffffff; --ink: #1b1f24; --soft: #59636e;
  --rule: #d5dae0; --accent: #0b62c4; --warn: #8a4b00; --second: #b3470f; --found: #ffb000;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #111418; --card: #1a1f25; --ink: #e8ebee; --soft: #a3adb8;
    --rule: #343c45; --accent: #6cb2ff; --warn: #ffb86b; --second: #ff9d5c;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif;
}
header, main, footer { max-width: 1280px; margin: 0 auto; padding: 0 20px; }
header { padding-top: 22px; }
h1 { font-size: 1.6rem; margin: 0 0 2px; }
h2 { font-size: 1.25rem; margin: 30px 0 10px; }
h3 { font-size: 1rem; margin: 0 0 8px; }
a { color: var(--accent); }
.research { color: var(--warn); font-weight: 600; margin: 0 0 6px; }
.soft, .rule, figcaption, caption { color: var(--soft); }
.rule { font-size: .85rem; margin: 8px 0 0; }
.card {
  background: var(--card); border: 1px solid var(--rule); border-radius: 10px;
  padding: 14px 16px; margin: 0 0 16px;
}
.curves { display: grid; grid-template-columns: repeat(auto-fill, minmax(380px, 1fr)); gap: 16px; }
.curves .card { margin: 0; min-width: 0; }
.chart { width: 100%; height: auto; font-size: 12px; }
.chart text { fill: var(--soft); }
.chart .end { text-anchor: end; } .chart .middle { text-anchor: middle; }
.chart .grid { stroke: var(--rule); stroke-width: 1; }
.chart .curve { fill: none; stroke: var(--accent); stroke-width: 2; }
.chart .curve.second { stroke: var(--second); } .chart .dot.second { fill: var(--second); }
.legend span::before { content: ''; display: inline-block; width: 18px; height: 3px; margin-right: 6px; vertical-align: middle; background: var(--accent); }
.legend .second::before { background: var(--second); }
.legend { margin: 4px 0 0; display: flex; gap: 18px; }
.chart .dash { fill: none; stroke: var(--soft); stroke-dasharray: 4 4; }
.chart .band { fill: var(--accent); opacity: .18; }
.chart .dot { fill: var(--accent); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-size: .85rem; padding: 6px 0 2px; }
th, td { text-align: left; padding: 4px 10px 4px 0; border-bottom: 1px solid var(--rule); }
th { font-weight: 600; } td { vertical-align: top; }
section p { overflow-wrap: anywhere; }
#subgroups .curves { grid-template-columns: 1fr; }
.controls {
  position: sticky; top: 0; z-index: 2; display: flex; flex-wrap: wrap; gap: 8px 22px;
  align-items: center; background: var(--card); border: 1px solid var(--rule);
  border-radius: 10px; padding: 10px 16px; margin-bottom: 16px;
}
.controls label { display: flex; gap: 8px; align-items: center; }
.controls label[hidden] { display: none; }
.controls input[type=range] { width: 220px; accent-color: var(--accent); }
.controls input { accent-color: var(--accent); }
output { font-variant-numeric: tabular-nums; min-width: 2.6em; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.facts { margin: 0 0 10px; }
.hang {
  display: grid; grid-template-columns: 1fr 1fr; gap: 3px; background: #000;
  border-radius: 6px; overflow: hidden; max-width: 720px; margin: 0 auto 8px;
}
figure { margin: 0; background: #000; min-width: 0; position: relative; }
figcaption {
  position: absolute; top: 6px; color: #fff; background: rgb(0 0 0 / .6);
  padding: 0 6px; border-radius: 3px; font-size: .85rem; z-index: 1;
}
.right figcaption { left: 6px; } .left figcaption { right: 6px; }
.pictures { display: flex; }
.pictures svg { display: block; flex: 1 1 0; min-width: 0; width: 100%; height: auto; }
.right .pictures { flex-direction: row-reverse; }
.pictures .other { display: none; border-inline: 1px dashed #59636e; }
body.compare .hang { max-width: 1200px; }
body.compare .pictures .other { display: block; }
.pictures .lone { display: none; }
body.compare .pictures .lone { display: flex; flex: 1 1 0; align-items: center; justify-content: center; color: #a3adb8; }
.absent { color: #a3adb8; display: flex; align-items: center; justify-content: center; min-height: 120px; }
.found rect, .found polygon {
  fill: none; stroke: var(--found); stroke-width: 1.6; vector-effect: non-scaling-stroke;
}
.found polygon { stroke: #ff5c5c; }
.other .found rect { stroke-dasharray: 5 4; }
.found text { fill: var(--found); stroke: #000; stroke-width: .14em; paint-order: stroke; }
.other .found text { display: none; }
.found.off, body.no-boxes .found, body.no-scores .found text { display: none; }
.exam.off { display: none; }
.exam.below h3::after { content: ' below the score'; color: var(--soft); font-weight: 400; }
ul { margin: 4px 0 10px; padding-left: 22px; }
.warning { color: var(--warn); }
details > summary { cursor: pointer; color: var(--accent); }
pre { overflow: auto; max-height: 480px; font-size: .8rem; }
@media (max-width: 760px) { .curves { grid-template-columns: 1fr; } }
@media print { .controls { display: none; } .card { break-inside: avoid; } }
"""
