"""The style sheet of a report: readable on a screen and on paper, in black and white too."""

STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1rem 1.25rem 4rem; background: #fff; color: #111;
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0.5rem 0; }
h2 { font-size: 1.25rem; margin: 2rem 0 0.5rem; border-bottom: 2px solid #111; }
h3 { font-size: 1.05rem; margin: 1.25rem 0 0.25rem; }
a { color: #0b3d91; }
.skip { position: absolute; left: -999px; } .skip:focus { position: static; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 0.5rem 0; }
caption { text-align: left; font-weight: 600; padding: 0.25rem 0; }
th, td { border: 1px solid #777; padding: 0.2rem 0.5rem; text-align: left; vertical-align: top; }
th { background: #eee; }
td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
th.n { text-align: right; }
code, .diff td { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: 0.8rem; }
code { overflow-wrap: anywhere; }
.diff { width: 100%; table-layout: fixed; }
.diff td { border: 0; padding: 0 0.3rem; white-space: pre-wrap; tab-size: 2;
  overflow-wrap: anywhere; }
.diff .no { width: 3.2rem; text-align: right; color: #555; } .diff .sign { width: 1.4rem; text-align: center; }
.diff .old { background: #fbe9e9; border-left: 3px dashed #7f1d1d; }
.diff .new { background: #e6f4e6; border-left: 3px solid #14532d; }
.diff .gap td { color: #555; text-align: center; background: #f3f3f3; }
details { margin: 0.35rem 0; border: 1px solid #999; padding: 0 0.6rem; }
summary { cursor: pointer; padding: 0.35rem 0; font-weight: 600; overflow-wrap: anywhere; }
a:focus-visible, summary:focus-visible, .wide:focus-visible { outline: 3px solid #0b3d91; outline-offset: 2px; }
.bad { font-weight: 700; }
.racks { display: flex; flex-wrap: wrap; gap: 1.5rem; } .racks figure { flex: 0 1 36rem; }
figure { margin: 0; max-width: 100%; }
svg { max-width: 100%; height: auto; }
@media print {
  details::details-content { content-visibility: visible !important; block-size: auto !important; }
  details:not([open]) > :not(summary) { display: revert !important; }
  summary { break-after: avoid; list-style: none; }
  .wide { overflow: visible; } table { font-size: 8pt; } th, td { overflow-wrap: anywhere; }
  table:not(.diff) :is(th, td) { min-width: 6.5em; }
  body { max-width: none; padding: 0; font-size: 10pt; } details { border-color: #000; }
  .diff .old, .diff .new, th { background: #fff; } a { color: #000; }
  h2 { break-after: avoid; } tr, figure { break-inside: avoid; }
}
"""
