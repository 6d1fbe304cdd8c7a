"""The look of an evaluation's report: one style sheet for screens, phones, the dark, and paper."""

from __future__ import annotations

__all__ = ["STYLE"]

# Okabe and Ito's colours (2008), some darkened until a line stands 3 : 1 against its ground; the
# tests measure it. Text stands 4.5 : 1.
STYLE = """
:root{--paper:#fdfcfa;--card:#ffffff;--ink:#1c1f22;--quiet:#565d63;--rule:#d9d6cf;--grid:#e4e1da;
--link:#005a94;--red:#a3120a;--red-paper:#fdecea;--mark:#eef4f9;--focus:#005a94;
--c0:#0072b2;--c1:#c65100;--c2:#00855f;--c3:#a64d84;--c4:#946200;--c5:#2a7da8;--c6:#4a4f54;
--serif:"Iowan Old Style","Palatino Linotype",Palatino,"URW Palladio L",Georgia,
"DejaVu Serif",serif;
--sans:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif}
@media screen and (prefers-color-scheme:dark){:root{--paper:#15181b;--card:#1b1f23;--ink:#e8e6e1;
--quiet:#a9b0b6;--rule:#363c42;--grid:#2c3238;--link:#7cc0f0;--red:#ff9a90;--red-paper:#3a1917;
--mark:#1f2b35;--focus:#7cc0f0;--c0:#56b4e9;--c1:#ff8a4c;--c2:#2bc49a;--c3:#e39ac5;--c4:#e69f00;
--c5:#f0e442;--c6:#b4bac0}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-behavior:smooth}
body{margin:0 auto;max-width:76rem;padding:0 1rem 3rem;background:var(--paper);color:var(--ink);
font:1rem/1.55 var(--sans);font-variant-numeric:tabular-nums lining-nums;overflow-wrap:anywhere}
h1,h2,h3{font-family:var(--serif);font-weight:600;line-height:1.2;text-wrap:balance}
h1{font-size:clamp(1.9rem,1.2rem + 3vw,3rem);margin:.1em 0 .3em;letter-spacing:-.01em}
h2{font-size:1.6rem;margin:0 0 .8rem}
h3{font-size:1.15rem;margin:2rem 0 .5rem}
p,ul,dl{max-width:42rem;margin:.5rem 0 1rem}
ul{padding-left:1.2rem}
li{margin:.3rem 0}
a{color:var(--link)}
:focus-visible{outline:3px solid var(--focus);outline-offset:2px;border-radius:2px}
.skip{position:absolute;left:-100vw;top:0;background:var(--card);padding:.6rem 1rem;z-index:2}
.skip:focus{left:1rem}
.quiet,small{color:var(--quiet)}
.quiet{font-size:.9rem}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
header{padding:2.2rem 0 1rem}
.kicker{text-transform:uppercase;letter-spacing:.09em;font-size:.8rem;color:var(--quiet);margin:0}
.on{font-size:1.1rem;margin:0}
header .quiet{margin:.1rem 0 0}
nav{border-block:1px solid var(--rule);margin-bottom:2rem}
nav ul{display:flex;flex-wrap:wrap;gap:0 1.1rem;list-style:none;padding:.35rem 0;margin:0;
max-width:none}
nav li{margin:0}
nav a{display:inline-block;padding:.3rem 0;font-size:.9rem;text-decoration-color:transparent}
nav a:hover{text-decoration-color:currentcolor}
section{margin:0 0 3rem;padding-top:.6rem}
.warning{border:1px solid var(--red);border-left-width:.5rem;background:var(--red-paper);
color:var(--red);padding:.7rem 1rem;margin:0 0 1rem;max-width:56rem}
.warning p{margin:0;max-width:none}
.warning strong::before{content:"\\25B2\\00A0"}
.notes{border-left:.25rem solid var(--rule);padding-left:1.6rem;color:var(--quiet);font-size:.95rem}
.finding{display:grid;grid-template-columns:minmax(0,1fr);gap:0 2rem;padding:1.1rem 0;
border-top:1px solid var(--rule)}
.finding:first-of-type{border-top:0}
.finding h3{margin:0 0 .2rem;font-size:1.3rem}
.big-figure{margin:0 0 .4rem}
.big-figure .figure{display:block;font:600 3.2rem/1 var(--serif)}
.big-figure small{font-size:.5em}
.told p{margin:.2rem 0}
figure{margin:1.5rem 0;min-width:0}
figcaption{font-weight:600;margin-bottom:.4rem;max-width:42rem}
.ruler{list-style:none;margin:0;padding:0;max-width:56rem}
.ruler li{display:grid;grid-template-columns:1fr auto;gap:0 1rem;margin:.55rem 0;align-items:center}
.ruler .track{grid-column:1/-1;grid-row:2}
.ruler .by{grid-column:1/-1}
.is-ours .who,.is-ours .much{font-weight:600}
.track{width:100%;display:block;overflow:visible}
.scale{display:grid;grid-template-columns:1fr;position:relative;max-width:56rem;font-size:.85rem;
color:var(--quiet);min-height:1.5em}
.at-chance{position:absolute;left:83.33%;transform:translateX(-70%);white-space:nowrap}
.scroll{overflow-x:auto;margin:.8rem 0 1rem;max-width:100%}
table{border-collapse:collapse;font-size:.9rem;line-height:1.35;min-width:min(100%,24rem)}
caption{text-align:left;padding-bottom:.4rem;color:var(--quiet)}
caption span{display:inline-block;position:sticky;left:0;max-width:calc(100vw - 2rem)}
th,td{padding:.35rem .7rem;text-align:left;vertical-align:top;border-bottom:1px solid var(--rule);
overflow-wrap:normal}
thead th{font-weight:600;vertical-align:bottom;border-bottom:1px solid var(--ink)}
tbody th{font-weight:500;min-width:7rem;max-width:18rem;overflow-wrap:anywhere}
td{max-width:24rem}
.one-line,.much{white-space:nowrap}
.attacks td,.attacks thead tr+tr th{text-align:right;white-space:nowrap;padding:.35rem .55rem}
.attacks tbody th{position:sticky;left:0;background:var(--paper);max-width:11rem}
.attacks .first{border-left:1px solid var(--rule)}
.attacks small{display:block;font-size:.8em}
.attacks .lowest{background:var(--mark);box-shadow:inset 0 -2px var(--ink)}
.attacks .said{color:var(--ink);font-weight:600;letter-spacing:.02em}
.pairs{table-layout:fixed;width:100%;max-width:48rem;margin:.6rem 0 1rem}
.pairs th{width:11rem;max-width:none;color:var(--quiet)}
.pairs td{max-width:none;overflow-wrap:anywhere}
details{margin:.4rem 0 1rem}
summary{cursor:pointer;color:var(--link);font-size:.9rem;padding:.2rem 0;width:fit-content}
.panels{display:grid;gap:1rem 2.5rem;
grid-template-columns:repeat(auto-fill,minmax(min(100%,25rem),1fr))}
.panels figure{margin:.5rem 0}
.plot{display:block;width:100%;height:auto;max-width:34rem}
.big .plot{max-width:46rem}
.plot text{font:13px var(--sans);fill:var(--ink)}
.plot .tick,.plot .note{fill:var(--quiet)}
.plot .faint-name{fill:var(--quiet)}
.plot .name{font-weight:600;display:none}
.grid{stroke:var(--grid);fill:none}
.helping{stroke:var(--quiet);stroke-width:1.2;fill:none}
.track .helping{stroke-dasharray:3 3}
.line{stroke:currentcolor;stroke-width:2.2;fill:none;stroke-linejoin:round}
.mark{fill:currentcolor;stroke:var(--paper);stroke-width:1.2;paint-order:stroke}
.whisker{stroke:currentcolor;stroke-width:1.6;fill:none;opacity:.75}
.faint{fill:none;stroke:var(--quiet);stroke-width:1}
.fall{stroke:var(--quiet);stroke-width:.8;stroke-dasharray:1.5 2;fill:none}
.span{stroke:currentcolor;stroke-width:4;stroke-linecap:round;opacity:.45}
.dot{fill:currentcolor;stroke:var(--paper);stroke-width:1.5}
.s0{color:var(--c0)}.s1{color:var(--c1)}.s2{color:var(--c2)}.s3{color:var(--c3)}.s4{color:var(--c4)}
.s5{color:var(--c5)}.s6{color:var(--c6)}
.legend{display:flex;flex-wrap:wrap;gap:.1rem 1.2rem;list-style:none;padding:0;font-size:.9rem;
max-width:46rem}
.legend li{display:flex;align-items:center;gap:.4rem;margin:.1rem 0}
.swatch{width:36px;height:16px;flex:none}
.players{list-style:none;padding:0;display:grid;max-width:none;gap:.8rem 2rem;
grid-template-columns:repeat(auto-fill,minmax(min(100%,20rem),1fr))}
audio{display:block;width:100%;max-width:26rem;margin-top:.3rem}
dt{font-weight:600;margin-top:.8rem}
dd{margin:.1rem 0 0}
pre{background:var(--card);border:1px solid var(--rule);padding:.7rem .9rem;white-space:pre-wrap;
overflow-wrap:anywhere;max-width:56rem;font-size:.9rem}
.strongly{font-weight:600}
footer{border-top:1px solid var(--rule);color:var(--quiet);font-size:.9rem}
@media (min-width:46rem){
body{padding-inline:2.5rem}
.finding{grid-template-columns:11rem minmax(0,1fr)}
.ruler li{grid-template-columns:11rem minmax(0,1fr) 11rem}
.ruler .track{grid-column:2;grid-row:1}
.ruler .by{grid-column:2;margin-top:-.3rem}
.ruler .much{text-align:right}
.scale{margin-left:12rem;margin-right:12rem;max-width:32rem}
.plot text{font-size:11px}
.big .plot text{font-size:8.6px}
.plot .name{display:inline}
}
@media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
@media print{
body{font-size:10pt;max-width:none;padding:0;background:#fff}
nav,.skip,#listening .players,#attackers details,.panels details{display:none}
.attacks tbody th{position:static}
.panels{grid-template-columns:1fr 1fr}
.scroll{overflow:visible}
.scroll table{font-size:7.5pt}
details::details-content{content-visibility:visible;display:block;height:auto}
figure,.finding,.warning,tr,.attacks{break-inside:avoid}
thead{break-after:avoid}
h2,h3{break-after:avoid}
}
"""
