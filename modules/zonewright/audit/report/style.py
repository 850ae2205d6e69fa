"""The style sheet of a report: readable on a screen and on paper, in black and white too."""

STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 84rem; padding: 1rem 1.25rem 4rem; background: #fff; color: #111;
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0.5rem 0; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 2rem 0 0.5rem; border-bottom: 2px solid #111; }
h3 { font-size: 1.05rem; margin: 1.25rem 0 0.25rem; overflow-wrap: anywhere; }
a { color: #0b3d91; }
.skip { position: absolute; left: -999px; } .skip:focus { position: static; }
.facts { margin: 0.5rem 0; }
.facts > div { display: grid; grid-template-columns: 9rem 1fr; gap: 0 1rem; padding: 0.2rem 0;
  border-top: 1px solid #ddd; }
.facts dt { font-weight: 600; } .facts dd { margin: 0; overflow-wrap: anywhere; }
nav ul { columns: 15rem; padding-left: 1.2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 0.5rem 0; }
caption { text-align: left; font-weight: 600; padding: 0.25rem 0; }
th, td { border: 1px solid #777; padding: 0.2rem 0.5rem; text-align: left; vertical-align: top; }
td { overflow-wrap: break-word; max-width: 32rem; }
th { background: #eee; }
td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
th.n { text-align: right; }
code, pre, .diff td { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: 0.8rem; }
code { overflow-wrap: anywhere; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; tab-size: 2; margin: 0.5rem 0; padding: 0.3rem 0.5rem; }
.diff { width: 100%; table-layout: fixed; } .diff caption { font-size: 0.85rem; }
.diff td { border: 0; padding: 0 0.3rem; white-space: pre-wrap; tab-size: 2; overflow-wrap: anywhere; max-width: none; }
.diff :is(th, td):nth-child(3n+1) { width: 3.2rem; text-align: right; color: #555; }
.diff :is(th, td):nth-child(3n+2) { width: 1.4rem; text-align: center; }
.diff :is(.r, .d) td:nth-child(3) { background: #fbe9e9; border-left: 3px dashed #7f1d1d; }
.diff :is(.r, .i) td:nth-child(6) { background: #e6f4e6; border-left: 3px solid #14532d; }
.diff .gap td { width: auto; color: #555; text-align: center; background: #f3f3f3; }
pre.old { background: #fbe9e9; border-left: 3px dashed #7f1d1d; }
pre.new { background: #e6f4e6; border-left: 3px solid #14532d; }
pre i { font-style: normal; color: #444; user-select: none; }
mark { background: #ffe28a; color: inherit; font-weight: 700; }
var { font-style: normal; text-decoration: underline; text-underline-offset: 2px; }
details { margin: 0.35rem 0; border: 1px solid #999; padding: 0 0.6rem; }
.facts details { margin: 0; border: 0; padding: 0; } .facts summary { padding: 0; }
summary { cursor: pointer; padding: 0.35rem 0; font-weight: 600; overflow-wrap: anywhere; }
.group { display: grid; grid-template-columns: 1fr auto; align-items: start; gap: 0 0.8rem; }
.group > details { grid-row: 1; min-width: 0; } .tick { padding: 0.75rem 0; grid-column: 2; max-width: 15rem; }
.tick input { width: 1.15rem; height: 1.15rem; vertical-align: -0.2rem; }
.odd { font-weight: 700; }
.sign { border: 2px solid #111; padding: 0 0.8rem; margin: 1rem 0; } .v { display: none; }
a:focus-visible, summary:focus-visible, .wide:focus-visible, input:focus-visible {
  outline: 3px solid #0b3d91; outline-offset: 2px; }
.racks { display: flex; flex-wrap: wrap; gap: 1.5rem; }
.racks figure { flex: 0 1 auto; max-width: 36rem; width: min-content; min-width: 18.5rem; overflow-wrap: anywhere; }
figure { margin: 0; max-width: 100%; }
svg { max-width: 100%; height: auto; }
.racks svg, .plot { max-width: none; } .map svg { min-width: 52rem; }
@media (max-width: 44rem) {
  body { padding: 0.5rem 0.6rem 3rem; }
  .facts > div { grid-template-columns: 1fr; }
  .group { grid-template-columns: 1fr; } .group > details { grid-row: auto; }
  .tick { grid-column: 1; padding: 0.9rem 0 0; } .group > details { margin-top: 0.1rem; }
  .diff thead { display: none; } .diff, .diff tbody, .diff caption { display: block; }
  .diff tr { display: grid; grid-template-columns: 2.6rem 1.2rem 1fr; } .diff td { min-width: 0; }
  .diff :is(th, td):nth-child(n) { width: auto; }
  .diff tr:not([class]) td:nth-child(n+4), .diff .d td:nth-child(n+4), .diff .i td:nth-child(-n+3) { display: none; }
  .diff .gap td { grid-column: 1 / -1; display: block !important; }
  .wide > table { width: max-content; } .wide > table td { max-width: 17rem; }
}
@media print {
  details::details-content { content-visibility: visible !important; block-size: auto !important; }
  details:not([open]) > :not(summary) { display: revert !important; }
  @page { margin: 12mm 11mm; }
  body { max-width: none; padding: 0; font-size: 8pt; line-height: 1.3; } a { color: #000; }
  h1 { font-size: 14pt; } h2 { font-size: 11pt; margin: 8pt 0 3pt; break-after: avoid; }
  h3 { font-size: 8.5pt; margin: 5pt 0 2pt; break-after: avoid; }
  nav, .skip, .sign, .screen { display: none; }
  p, ul { margin: 2pt 0; }
  summary { break-after: avoid; list-style: none; padding: 1pt 0; }
  details { border-color: #000; margin: 2pt 0; padding: 0 4pt; }
  .wide { overflow: visible; } table { font-size: 7pt; margin: 2pt 0; line-height: 1.2; }
  th, td { overflow-wrap: anywhere; padding: 1pt 3pt; }
  code, .diff td { font-size: 6.2pt; line-height: 1.2; } .diff caption { font-size: 7pt; }
  .diff thead th { font-size: 6.2pt; padding: 1pt; overflow-wrap: normal; }
  .diff :is(th, td):nth-child(3n+1) { width: 20pt; } .diff :is(th, td):nth-child(3n+2) { width: 10pt; }
  pre { font-size: 5.8pt; line-height: 1.2; margin: 2pt 0; padding: 1pt 3pt; } pre.one { columns: 2; column-gap: 8pt; }
  .group { display: block; } .tick { display: block; padding: 3pt 0 0; max-width: none; break-after: avoid; }
  .tick input { width: 8pt; height: 8pt; vertical-align: -1pt; }
  .diff :is(.r, .d) td:nth-child(3), .diff :is(.r, .i) td:nth-child(6), pre.old, pre.new, th { background: #fff; }
  mark { background: #fff; }
  .facts > div { grid-template-columns: 70pt 1fr; padding: 1pt 0; }
  .racks { gap: 6pt; } .racks figure { width: 118pt; min-width: 0; flex: 0 0 118pt; font-size: 6.5pt; }
  .racks svg { width: 118pt; } .plot { width: 260pt; } .map svg { min-width: 0; width: 430pt; }
  tr, figure { break-inside: avoid; }
}
"""
