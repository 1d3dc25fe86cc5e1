"""How report.html looks: light and dark as the reader's system has it, from 400 pixels of width on.

A table that is wider than the page scrolls in its box: a shadow lies on the side where more of it is. Pictures shrink, until
their text would be too small; then they scroll too. In the dark they are turned over: white is dark, and hues stay.
"""

STYLE = """
:root { --ground: #fff; --text: #1c1e21; --quiet: #5c6370; --edge: #d9dce1; --link: #0b5cad; --line: #0072b2;
  --good: #0b6b3a; --good-ground: #d9f2e3; --bad: #a02312; --bad-ground: #fbe0db; --open: #7a5200; --open-ground: #fdf0cf;
  --even: #1d4f91; --even-ground: #dfeafb; --none: #5c6370; --none-ground: #eceef1; --head: #1c1e210d; --shade: #1c1e2159; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #16181c; --text: #e6e8eb; --quiet: #a2a9b4; --edge: #3a3f47; --link: #7db7f5; --line: #6cb8ec;
    --good: #8fe0b0; --good-ground: #12402a; --bad: #ffb3a5; --bad-ground: #571d14; --open: #f5d27a; --open-ground: #4a3705;
    --even: #a9cbfb; --even-ground: #1b3559; --none: #b4bac4; --none-ground: #2d323a; --head: #e6e8eb12; --shade: #aeb6c266; }
  .picture div { filter: invert(.91) hue-rotate(180deg); } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 1.2rem 1rem 3rem; background: var(--ground); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .4rem; } h2 { font-size: 1.3rem; margin: 2.4rem 0 .6rem; }
h3 { font-size: 1.05rem; margin: 1.8rem 0 .4rem; } h4 { font-size: 1rem; margin: 1.4rem 0 .3rem; }
a { color: var(--link); } p { margin: .5rem 0; } small, .quiet { color: var(--quiet); font-size: .85rem; }
nav { display: flex; flex-wrap: wrap; gap: .2rem 1rem; margin: .6rem 0 1rem; }
.scroll { overflow-x: auto; max-width: 100%; margin: .6rem 0; border: 1px solid var(--edge); border-radius: 6px;
  background: linear-gradient(90deg, var(--ground) 50%, transparent) 0 / 2.4rem 100% no-repeat local,
    linear-gradient(-90deg, var(--ground) 50%, transparent) 100% / 2.4rem 100% no-repeat local,
    linear-gradient(90deg, var(--shade), transparent) 0 / .9rem 100% no-repeat scroll,
    linear-gradient(-90deg, var(--shade), transparent) 100% / .9rem 100% no-repeat scroll; }
.scroll::-webkit-scrollbar { height: .6rem; } .scroll::-webkit-scrollbar-track { background: var(--head); }
.scroll::-webkit-scrollbar-thumb { background: var(--quiet); border-radius: 1rem; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
th, td { padding: .3rem .7rem; text-align: left; vertical-align: top; border-top: 1px solid var(--edge); min-width: 3.5rem; }
thead th { border-top: 0; background: var(--head); white-space: nowrap; } thead:not(:has(th:not(:empty))) { display: none; }
tr.paper td, tr.difference td { border-top-color: transparent; color: var(--quiet); padding-top: 0; }
th, td { white-space: nowrap; } .words, .long { white-space: normal; } .long { min-width: min(13rem, 45vw); }
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
.picture div { background: linear-gradient(90deg, #fff 50%, transparent) 0 / 2.4rem 100% no-repeat local,
    linear-gradient(-90deg, #fff 50%, transparent) 100% / 2.4rem 100% no-repeat local,
    linear-gradient(90deg, #1c1e2159, transparent) 0 / .9rem 100% no-repeat scroll,
    linear-gradient(-90deg, #1c1e2159, transparent) 100% / .9rem 100% no-repeat scroll, #fff;
  border: 1px solid var(--edge); border-radius: 10px; padding: .6rem; overflow-x: auto; }
.picture img { display: block; min-width: var(--readable); max-width: min(100%, 56rem); height: auto; margin: 0 auto;
  mix-blend-mode: multiply; }
figcaption { font-size: .9rem; margin-top: .3rem; }
.curves { display: grid; gap: .6rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 11.5rem), 1fr)); }
.curves figure { margin: 0; padding: .4rem .6rem; border: 1px solid var(--edge); border-radius: 6px; }
.curves small { display: block; } figure:target { outline: 3px solid var(--link); }
svg { display: block; width: 100%; height: auto; margin: .3rem 0; }
polyline { fill: none; stroke: var(--line); stroke-width: 1.2; opacity: .75; vector-effect: non-scaling-stroke; }
.axis { fill: none; stroke: var(--edge); vector-effect: non-scaling-stroke; }
svg text { fill: var(--quiet); font-size: 10px; text-anchor: end; }
footer { margin-top: 2.5rem; padding-top: .6rem; border-top: 1px solid var(--edge); color: var(--quiet); }
""".strip()
