"""The look of a listening page, on top of that of every report."""

from __future__ import annotations

__all__ = ["LISTENING_STYLE"]

LISTENING_STYLE = """
:root{--before:#0067a3;--after:#b34a00;--before-paper:#e7f1f8;--after-paper:#fbeee4;
--good:#00694b;--good-paper:#e3f4ee;--wait:#7a5200;--wait-paper:#fbf1dc;--panel:#ffffff}
@media screen and (prefers-color-scheme:dark){:root{--before:#6cc1f2;--after:#ff9a5c;
--before-paper:#17303f;--after-paper:#3b2517;--good:#4fd6ae;--good-paper:#12332a;--wait:#f0bc4e;
--wait-paper:#372b12;--panel:#1d2226}}
.needs-script{display:none}
.scripted .plain{display:none}
[hidden]{display:none!important}
header{padding:1.3rem 0 .8rem}
header h1{font-size:clamp(1.7rem,1.2rem + 2.2vw,2.5rem);margin:.1rem 0 .2rem}
header .lead{margin:.1rem 0 0;max-width:none}
header .quiet{margin:.3rem 0 0}
header .warning{margin:.6rem 0 0}
header+nav,nav{margin-bottom:1rem}
section{padding-top:0}
.lead{font-size:1.05rem;max-width:46rem}
kbd{font:600 .78rem/1 var(--sans);border:1px solid currentcolor;border-radius:.25rem;
padding:.16rem .34rem}
button{font:inherit;color:inherit;cursor:pointer}
h3{margin:0}
h4{margin:0;font-size:1.02rem;display:flex;flex-wrap:wrap;align-items:center;gap:.1rem .5rem}
#listen>h2{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.readings{border:0;margin:0 -3px .6rem;display:flex;gap:.4rem;overflow-x:auto;padding:3px;
scrollbar-width:thin}
.readings a{display:flex;flex:none;flex-direction:column;justify-content:center;min-width:4.4rem;
min-height:44px;padding:.3rem .7rem;border:1px solid var(--rule);border-radius:.5rem;
text-decoration:none;color:var(--ink);font-weight:600;line-height:1.15;background:var(--panel);
white-space:nowrap}
.readings .who{font-weight:400;font-size:.8rem;color:var(--quiet)}
.readings [aria-current]{border-color:var(--ink);box-shadow:inset 0 -3px var(--ink)}
.reading{display:grid;gap:1rem;grid-template-columns:minmax(0,1fr);margin-bottom:2.5rem}
.scripted .reading{margin-bottom:1rem;gap:.8rem}
.scripted .reading h3{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.words{font:italic 1.12rem/1.4 var(--serif);margin:.3rem 0 0;max-width:none;text-wrap:pretty}
.about .quiet{margin:.3rem 0 0}
.scripted .voices{display:flex;flex-direction:column;gap:.7rem}
.voices p{margin:0 0 .35rem;font-size:.86rem;line-height:1.35;color:var(--quiet);max-width:none}
.voices b{color:var(--ink)}
.voices>div{display:grid;gap:.35rem;grid-template-columns:repeat(auto-fill,minmax(8.6rem,1fr))}
.voices p{grid-column:1/-1}
.voice{display:flex;align-items:center;gap:.5rem;min-height:44px;padding:.3rem .55rem;
white-space:nowrap;text-align:left;font-size:.94rem;background:var(--panel);
border:1px solid var(--rule);border-radius:.5rem;
--own:var(--after);--own-paper:var(--after-paper)}
.voice.is-original{--own:var(--before);--own-paper:var(--before-paper)}
.voice kbd{color:var(--quiet)}
.voice:hover{border-color:var(--own)}
.voice[aria-pressed=true]{border-color:var(--own);background:var(--own-paper);
box-shadow:inset 0 -3px var(--own);font-weight:600}
.voice[aria-pressed=true] kbd{color:var(--own)}
.voice small{display:block;line-height:1.1;color:var(--wait)}
.voice.is-held{border-style:dashed;--own:var(--wait);--own-paper:var(--wait-paper)}
.stage{position:relative;display:flex;flex-direction:column;gap:.6rem;touch-action:pan-y;
min-width:0}
.scripted .stage{cursor:crosshair}
.stage figure,.stage .take{margin:0;min-width:0}
.stage .take{display:flex;flex-direction:column;gap:.6rem}
.stage figcaption{font-weight:400;font-size:.86rem;line-height:1.3;margin:0 0 .2rem;
color:var(--quiet);max-width:none;display:flex;flex-wrap:wrap;gap:0 .35rem}
.stage figcaption b{color:var(--ink)}
.sound,.units,.melody{display:block;width:100%;overflow:hidden;background:var(--panel);
border:1px solid var(--rule);border-radius:.3rem;-webkit-user-select:none;user-select:none}
.sound img{display:block;width:100%;height:6.2rem}
.stage img{pointer-events:none}
.stage .units{height:3.4rem;image-rendering:pixelated}
.melody{position:relative;height:5.6rem}
.melody svg{display:block;width:100%;height:100%;overflow:hidden}
.melody .line{vector-effect:non-scaling-stroke;stroke-width:2.4;stroke-linecap:round}
.melody .grid{vector-effect:non-scaling-stroke}
.line.is-before{stroke:var(--before);stroke-dasharray:1 4.2;stroke-width:2.6}
.line.is-after{stroke:var(--after)}
.hz{position:absolute;left:0;padding:0 .3rem;font-size:.72rem;line-height:1;
background:var(--panel);color:var(--quiet);
transform:translateY(-50%)}
.at-100{top:73.07%}.at-200{top:36.54%}
.key-before,.key-after{font-weight:600}
.key-before{color:var(--before)}
.key-before::before{content:"\\2022\\2022\\2022\\00A0"}
.key-after{color:var(--after)}
.key-after::before{content:"\\2501\\00A0"}
.at-end{margin-left:auto}
.at-end .badge{font-size:.78rem;line-height:1.1;padding:0 .5rem}
.scripted .unit-now{display:inline;margin-left:auto;font-weight:600;color:var(--ink)}
.held{border:1px dashed var(--wait);color:var(--wait);padding:1.2rem;margin:0;max-width:none}
.scripted .cursor{display:block;position:absolute;top:0;bottom:0;left:0;width:2px;margin-left:-1px;
background:var(--ink);pointer-events:none;box-shadow:0 0 0 1px var(--paper)}
.scripted .hears-original .before .sound{border-color:var(--before);
box-shadow:0 0 0 1px var(--before)}
.scripted .reading:not(.hears-original) .after .sound{border-color:var(--after);
box-shadow:0 0 0 1px var(--after)}
.scripted .hears-original .take .after{opacity:.62}
.scripted .player{display:grid;align-items:center;gap:.3rem .7rem;position:sticky;bottom:0;
z-index:1;grid-template-columns:auto 1fr auto auto;
padding:.5rem 0 max(.55rem,env(safe-area-inset-bottom));
background:var(--paper);border-top:1px solid var(--rule);margin:0 -3px 1.2rem;padding-inline:3px}
.player button{min-height:44px;min-width:44px;border:1px solid var(--rule);border-radius:.5rem;
background:var(--panel);padding:.3rem .8rem;white-space:nowrap}
.player button:hover{border-color:var(--ink)}
.player [aria-pressed=true]{border-color:var(--ink);box-shadow:inset 0 -3px var(--ink)}
#play{background:var(--ink);color:var(--paper);border-color:var(--ink);font-weight:600;
min-width:6.6rem;display:flex;align-items:center;justify-content:center;gap:.6rem}
#play[disabled]{opacity:.5}
#play .sign{width:0;height:0;border-left:.8rem solid currentcolor;
border-block:.5rem solid transparent}
#play.is-playing .sign{width:.75rem;height:.9rem;border-block:0;border-left:.25rem solid;
border-right:.25rem solid}
.now{font-weight:600;white-space:nowrap;color:var(--after);grid-column:2/-1;line-height:1.25;align-self:end}
.now.is-before{color:var(--before)}
#play{grid-row:1/3}
#place{grid-column:1/3;grid-row:3;width:100%;min-width:0;min-height:44px;margin:0;
accent-color:var(--ink)}
#time{grid-column:2/-1;grid-row:2;white-space:nowrap;font-size:.85rem;color:var(--quiet);
align-self:start}
#compare{grid-column:3;grid-row:3}
#repeat{grid-column:4;grid-row:3}
.hint{display:none}
.told h4{margin-bottom:.2rem}
.told p{margin:.1rem 0 .6rem;max-width:none}
.told .take+.take{margin-top:1.5rem}
.badge{display:inline-block;white-space:nowrap;font:600 .85rem/1.3 var(--sans);padding:.1rem .55rem;
border-radius:1rem;color:var(--good);background:var(--good-paper);border:1px solid currentcolor}
.badge.hold,.badge.not-measured{color:var(--wait);background:var(--wait-paper)}
.badge.fail{color:var(--red);background:var(--red-paper)}
.findings{display:grid;gap:1.2rem;grid-template-columns:minmax(0,1fr)}
.measures{width:100%;min-width:0}
.measures th:first-child{padding-left:0}
.measures th[scope=row]{max-width:none;font-weight:600;padding-left:0}
.meaning{display:block;font-weight:400;color:var(--quiet);font-size:.86rem;max-width:30rem}
.number{display:block;white-space:nowrap;font-weight:600}
.limit{white-space:nowrap;color:var(--quiet)}
.gauge{display:block;width:9rem;max-width:100%;height:1rem;overflow:visible}
.gauge .ground{fill:var(--grid)}
.gauge .hold{fill:var(--wait);opacity:.45}
.gauge .fail{fill:var(--red);opacity:.6}
.gauge .value{fill:var(--ink);stroke:var(--paper);stroke-width:1.5}
.facts{display:grid;gap:.8rem 1.6rem;margin:0;
grid-template-columns:repeat(auto-fit,minmax(12rem,1fr));max-width:none;align-content:start}
.facts div{border-top:2px solid var(--ink);padding-top:.4rem}
.facts dt{font:600 1.5rem/1.15 var(--serif);margin:0}
.facts dd{color:var(--quiet);font-size:.9rem}
.recognised .number{font:600 1.35rem/1.2 var(--serif)}
.recognised{min-width:min(100%,34rem)}
.recognised th:first-child{padding-left:0}
.recognised tbody th{font-weight:600}
.limits>div>:first-child{margin-top:0}
.attackers{display:grid;gap:.1rem 1rem;grid-template-columns:minmax(0,1fr);font-size:.92rem}
.attackers dt{margin-top:.4rem}
.explained{max-width:none;display:grid;gap:.4rem 3rem;
grid-template-columns:repeat(auto-fit,minmax(min(100%,27rem),1fr))}
.explained dt{margin-top:.4rem}
.keys{display:grid;grid-template-columns:auto 1fr;gap:.35rem 1rem;align-items:center}
.keys dt,.keys dd{margin:0}
.scripted dl.keys.needs-script{display:grid}
.scripted h3.needs-script,.scripted p.needs-script{display:block}
label{display:inline-flex;align-items:center;gap:.6rem;min-height:44px}
input[type=checkbox]{width:1.3rem;height:1.3rem;accent-color:var(--ink)}
@media screen and (prefers-color-scheme:dark){
.before img{filter:invert(1) hue-rotate(193deg) brightness(1.15) saturate(1.4)}
.after img{filter:invert(1) hue-rotate(166deg) brightness(1.15) saturate(1.4)}
}
@media (max-width:37.99rem){
.measures,.measures tbody,.measures tr,.measures td,.measures th{display:block;border:0;padding:0}
.measures thead{display:none}
.measures tr{display:grid;grid-template-columns:minmax(0,1fr) auto;gap:.2rem .8rem;
padding:.7rem 0;border-bottom:1px solid var(--rule);align-items:start}
.measures td:nth-child(2){grid-row:2;grid-column:1;display:flex;gap:.8rem;align-items:center}
.measures td:nth-child(3){grid-row:2;grid-column:2;text-align:right}
.measures td:nth-child(4){grid-row:1;grid-column:2}
.voices>div{grid-template-columns:repeat(2,minmax(0,1fr))}
.recognised{min-width:0;width:100%}
.recognised .gauge{display:none}
.recognised .number{font-size:1.1rem}
.recognised th,.recognised td{padding:.4rem .25rem;min-width:0;overflow-wrap:normal}
.recognised th{font-size:.84rem}
.stage figcaption .more{display:none}
}
@media (max-width:45.99rem){.player .long{display:none}}
@media (min-width:46rem){
.attackers{grid-template-columns:9rem minmax(0,1fr)}
.attackers dt,.attackers dd{margin:0}
}
@media (min-width:62rem){
.scripted .reading{grid-template-columns:19rem minmax(0,1fr);column-gap:2.2rem}
.about{grid-column:1/-1}
.scripted .player{grid-template-columns:auto minmax(8rem,auto) 1fr auto auto auto}
#play{grid-row:1}
.now{grid-column:2;grid-row:1;align-self:center}
#place{grid-column:3;grid-row:1}
#time{grid-column:4;grid-row:1;min-width:6rem;text-align:right;align-self:center}
#compare{grid-column:5;grid-row:1}
#repeat{grid-column:6;grid-row:1}
.findings{grid-template-columns:minmax(0,1fr) 14rem;gap:3rem}
.facts{grid-template-columns:1fr}
.scripted dl.keys.needs-script{grid-template-columns:auto 1fr auto 1fr;max-width:none}
.limits{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:3rem}
.told{grid-column:1/-1}
.stage{align-self:start}
.scripted .hint{display:block;font-size:.86rem;color:var(--quiet);margin:0;line-height:1.7}
.voices .hint kbd{color:var(--quiet)}
.scripted .voices>div{grid-template-columns:repeat(2,minmax(0,1fr))}
}
@media print{.scripted .player,.scripted .cursor,.readings,.voices{display:none!important}}
"""
