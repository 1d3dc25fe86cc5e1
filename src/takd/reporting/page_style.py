"""How report.html looks: light and dark as the reader's system has it, from 400 pixels of width on."""

STYLE = """
:root { --ground: #fff; --soft: #f4f5f7; --text: #1c1e21; --quiet: #5c6370; --edge: #d9dce1; --link: #0b5cad; --line: #0072b2;
  --good: #0b6b3a; --good-ground: #d9f2e3; --bad: #a02312; --bad-ground: #fbe0db; --open: #7a5200; --open-ground: #fdf0cf;
  --even: #1d4f91; --even-ground: #dfeafb; --none: #5c6370; --none-ground: #eceef1; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #16181c; --soft: #20242a; --text: #e6e8eb; --quiet: #a2a9b4; --edge: #3a3f47; --link: #7db7f5; --line: #6cb8ec;
    --good: #8fe0b0; --good-ground: #12402a; --bad: #ffb3a5; --bad-ground: #571d14; --open: #f5d27a; --open-ground: #4a3705;
    --even: #a9cbfb; --even-ground: #1b3559; --none: #b4bac4; --none-ground: #2d323a; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 1.2rem 1rem 3rem; background: var(--ground); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .4rem; } h2 { font-size: 1.3rem; margin: 2.4rem 0 .6rem; }
h3 { font-size: 1.05rem; margin: 1.8rem 0 .4rem; } h4 { font-size: 1rem; margin: 1.4rem 0 .3rem; }
a { color: var(--link); } p { margin: .5rem 0; } small, .quiet { color: var(--quiet); font-size: .85rem; }
nav { display: flex; flex-wrap: wrap; gap: .2rem 1rem; margin: .6rem 0 1rem; }
.scroll { overflow-x: auto; max-width: 100%; margin: .6rem 0; border: 1px solid var(--edge); border-radius: 6px; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
th, td { padding: .3rem .7rem; text-align: left; vertical-align: top; border-top: 1px solid var(--edge); min-width: 3.5rem; }
thead th { border-top: 0; background: var(--soft); white-space: nowrap; } thead:not(:has(th:not(:empty))) { display: none; }
tr.paper td, tr.difference td { border-top-color: transparent; color: var(--quiet); padding-top: 0; }
th, td { white-space: nowrap; } .long { white-space: normal; min-width: 16rem; }
tbody th { font-weight: 400; color: var(--quiet); white-space: normal; }
.result th, .result td { white-space: normal; min-width: 6.5rem; overflow-wrap: anywhere; } .result small { display: block; }
.verdict { display: inline-block; padding: 0 .5em; border-radius: 1em; white-space: nowrap; font-size: .9em;
  background: var(--none-ground); color: var(--none); }
.verdict strong { font-weight: 600; }
.reproduced, .reproduced-in-part, .confirmed, .confirmed-in-part, .met { background: var(--good-ground); color: var(--good); }
.contradicted, .not-met { background: var(--bad-ground); color: var(--bad); }
.undecided { background: var(--open-ground); color: var(--open); } .equal { background: var(--even-ground); color: var(--even); }
.claims { list-style: none; padding: 0; margin: .8rem 0; display: grid; gap: .5rem 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr)); }
.claims li { padding: .5rem .7rem; border: 1px solid var(--edge); border-radius: 6px; }
.picture { margin: .6rem 0 1rem; }
.picture div { overflow-x: auto; background: #fff; border: 1px solid var(--edge); border-radius: 6px; padding: .4rem; }
.picture img { display: block; width: 100%; min-width: 34rem; max-width: 56rem; margin: 0 auto; height: auto; }
figcaption { font-size: .9rem; }
.curves { display: grid; gap: .6rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 11.5rem), 1fr)); }
.curves figure { margin: 0; padding: .4rem .6rem; border: 1px solid var(--edge); border-radius: 6px; }
.curves small { display: block; } figure:target { outline: 3px solid var(--link); }
svg { display: block; width: 100%; height: auto; margin: .3rem 0; }
polyline { fill: none; stroke: var(--line); stroke-width: 1.2; opacity: .75; vector-effect: non-scaling-stroke; }
.axis { fill: none; stroke: var(--edge); vector-effect: non-scaling-stroke; }
svg text { fill: var(--quiet); font-size: 10px; text-anchor: end; }
footer { margin-top: 2.5rem; padding-top: .6rem; border-top: 1px solid var(--edge); color: var(--quiet); }
""".strip()
