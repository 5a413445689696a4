// Two small rivers on one scale, what was handed in and the right one: where a path is missing,
// turned round or comes more than once, the lanes show it, and a dashed line where they should be.

import { draw, make, setAttribute, setMath } from "../bnviz.common/dom.js";
import { finite, number, real } from "../bnviz.common/numbers.js";
import { fits } from "../bnviz.river/layout.js";
import { hatch, isLight, ribbon, smooth, thick } from "../bnviz.river/shapes.js";
import { bundle, strand } from "../bnviz.river/strands.js";

const GREY = "var(--bnm-sum)";
const ALARM = "var(--bnm-alarm)";
const TERMS = ["dx_direct", "dx_via_var", "dx_via_mean"];
const HEADS = ["dx_direct", "var", "mean"]; // where each of the three is written
const pen = { draw };

function layout(width, data) {
  const wide = width >= 900;
  const phone = width < 560;
  const w = phone ? 374 : wide ? (Math.min(width, 1240) - 56) / 2 : Math.min(width, 700);
  const count = data.rows.length + (data.others ? 1 : 0);
  const pitch = count > 1 ? Math.min(46, (phone ? 320 : 290) / (count - 1)) : 0;
  const shares = data.whole
    ? { dx_direct: 0.14, var: 0.37, mean: 0.64, besides: 0.9, dx: 0.86 }
    : { dx_direct: 0.13, var: 0.32, mean: 0.53, besides: 0.72, dx: 0.9 };
  const [end, mouth] = [phone ? 4 : 10, w - 32];
  const x = { label: w - 13, mouth, end };
  for (const [name, share] of Object.entries(shares)) x[name] = mouth - share * (mouth - end);
  const first = 152;
  const last = first + pitch * (count - 1);
  const room = pitch || 60;
  const sum = last + Math.max(30, room * 0.6) + 54;
  const g = { phone, wide, w, count, pitch, room, x, first, last, sum, dense: pitch > 0 && pitch < 28 };
  g.band = phone ? 12 : 24;
  g.h = sum + 40;
  const rivers = [scaled(data.mine, data.part), data.right];
  const lanes = (term) => rivers.flatMap(({ lanes: l, rest }) => [...l[term], rest?.[term] ?? 0]);
  const bundle = (term) => rivers.map((r) => [...r.lanes[term], r.rest?.[term] ?? 0].reduce((all, v) => all + Math.abs(real(v)), 0));
  g.u = Math.min(
    fits(room * 0.56, ["dx_direct", "after_var", "after_mean", "dx"].flatMap(lanes)),
    fits(phone ? 44 : 72, [...TERMS.slice(1), "besides"].flatMap(bundle)),
    1e300,
  );
  g.us = Math.min(g.u, fits(40, rivers.flatMap(({ batch }) => ["dx_direct", "after_var", "after_mean", "dx"].map((term) => batch[term]))));
  return g;
}

// On a part of the scale: all lanes are divided.
function scaled(river, part) {
  if (part === 1) return river;
  const of = (terms) => terms && Object.fromEntries(Object.entries(terms).map(([name, v]) => [name, Array.isArray(v) ? v.map((one) => real(one) / part) : real(v) / part]));
  return { lanes: of(river.lanes), rest: of(river.rest), batch: of(river.batch) };
}

export class Rivers {
  constructor(parent) {
    this.svg = draw("svg", { role: "img" }, parent);
  }

  draw(width, data) {
    const g = layout(width, data);
    this.g = g;
    this.data = data;
    const { svg } = this;
    svg.replaceChildren();
    const total = g.wide ? 2 * g.w + 56 : g.w;
    const high = g.wide ? g.h : 2 * g.h + 34;
    setAttribute(svg, "viewBox", `0 0 ${total} ${high}`);
    setAttribute(svg, "aria-label", data.alt);
    svg.style.maxWidth = `${total}px`;
    const defs = draw("defs", {}, svg);
    hatch(defs, "bnm-sum", GREY);
    hatch(defs, "bnm-alarm", ALARM);
    data.colors.forEach((color, r) => hatch(defs, `bnm-${r}`, color));
    this.panel(0, 0, scaled(data.mine, data.part), data.mine, true);
    this.panel(g.wide ? g.w + 56 : 0, g.wide ? 0 : g.h + 34, data.right, data.right, false);
  }

  // drawn: on its scale; river: the numbers as they are.
  panel(left, top, drawn, river, mine) {
    const { g, data } = this;
    const at = draw("g", { transform: `translate(${left} ${top})`, "data-panel": mine ? "mine" : "right" }, this.svg);
    this.planes = Object.fromEntries(["back", "strands", "ribbons", "marks", "words"].map((name) => [name, draw("g", {}, at)]));
    this.mine = mine;
    const { part } = data;
    const scale = !mine || part === 1 ? "" : part > 1 ? `, drawn at 1/${part}` : `, drawn ${1 / part} times larger`;
    this.text(0, 16, `${mine ? "Yours" : "The right one"}${scale}`, "bnm-title", "start");
    const lanes = this.lanes(drawn);
    const right = this.lanes(data.right);
    this.stations();
    const ghosts = mine && part === 1;
    lanes.forEach((lane, i) => this.lane(lane, ghosts ? right[i] : null));
    for (const [i, name] of [[1, "var"], [2, "mean"]]) {
      const missing = mine && data.paths[i].state === "missing";
      this.bundle(missing ? right : lanes, TERMS[i], g.x[name], missing);
    }
    if (mine && !data.whole) this.bundle(lanes, "besides", g.x.besides, false);
    this.sum(drawn.batch, river.batch);
    this.numbers(lanes, this.lanes(river));
  }

  lanes({ lanes, rest }) {
    const { rows, colors, others } = this.data;
    const clean = (terms) => Object.fromEntries(terms.map(([term, value]) => [term, finite(value)]));
    const list = rows.map((row, r) => ({
      row, r, color: colors[r], pattern: `url(#bnm-${r})`, name: String(row + 1),
      v: clean(Object.entries(lanes).map(([term, values]) => [term, values[r]])),
    }));
    if (rest) list.push({ row: null, color: GREY, pattern: "url(#bnm-sum)", name: `+${others}`, v: clean(Object.entries(rest)) });
    list.forEach((lane, i) => {
      lane.y = this.g.first + i * this.g.pitch;
    });
    return list;
  }

  // How much a lane carries at x.
  level(v, x) {
    const { g, data } = this;
    const t = (name) => smooth((g.x[name] + g.band - x) / (2 * g.band));
    const [one, two] = [t("var"), t("mean")];
    if (x > g.x.mean + g.band) return v.dx_direct * (1 - one) + v.after_var * one;
    const after = data.whole ? v.dx : v.after_mean;
    if (data.whole || x > g.x.besides + g.band) return v.after_var * (1 - two) + after * two;
    const three = t("besides");
    return v.after_mean * (1 - three) + v.dx * three;
  }

  get bands() {
    return this.data.whole ? ["var", "mean"] : ["var", "mean", "besides"];
  }

  samples() {
    const { g } = this;
    const found = [g.x.mouth];
    for (const name of this.bands) for (let i = -8; i <= 8; i += 1) found.push(g.x[name] - (i / 8) * g.band);
    return [...found, g.x.end];
  }

  stations() {
    const { g, data, planes } = this;
    const top = g.first - g.room * 0.6;
    for (const name of this.bands) {
      if (name === "besides" && !this.mine) continue;
      draw("rect", { x: g.x[name] - g.band, y: top, width: 2 * g.band, height: g.sum + 8 - top, rx: 8, class: "bnm-station" }, planes.back);
      draw("circle", { cx: g.x[name], cy: 92, r: 15, class: "bnm-node" }, planes.marks);
      if (name === "besides") this.text(g.x[name], 97, "?", "bnm-title");
      else this.math(name, g.x[name], 92);
    }
    if (this.mine && !data.whole) this.text(g.x.besides, 62, "left over", "bnm-small bnm-quiet");
    this.math("dx", g.x.dx, 92);
    data.paths.forEach((path, i) => this.head(path, i, g.x[HEADS[i]]));
  }

  // What is said of a path; where it is wrong, on dark ground.
  head(path, i, x) {
    const { g, planes } = this;
    const alarms = this.mine && path.alarms;
    const mark = "①②③"[i];
    const said = this.mine && !(g.phone && path.said.length > 15) ? path.said : mark;
    const wide = g.phone ? said.length * 6.3 + 8 : said.length * 7.3 + 16;
    const from = Math.min(x - wide / 2, g.w - wide);
    if (alarms) draw("rect", { x: from, y: 27, width: wide, height: 23, rx: 6, class: "bnm-flag" }, planes.words);
    this.text(alarms ? from + wide / 2 : x, 43, said, `bnm-say${alarms ? " bnm-on" : ""}${g.phone ? " bnm-small" : ""}`);
    if (this.mine) this.text(alarms ? from + wide / 2 : x, 66, path.written, "bnm-small bnm-num");
  }

  lane(lane, right) {
    const { g, planes } = this;
    const edge = (v, x) => lane.y - thick(this.level(v, x) * g.u);
    draw("line", { x1: g.x.end, x2: g.x.mouth + 8, y1: lane.y, y2: lane.y, class: "bnm-zero" }, planes.marks);
    const group = draw("g", { class: "bnm-lane", "data-row": lane.row ?? "" }, planes.ribbons);
    ribbon(pen, group, this.samples().map((x) => [x, lane.y, edge(lane.v, x)]), lane.color, lane.pattern);
    if (!right) return;
    const far = this.samples().some((x) => Math.abs(edge(right.v, x) - edge(lane.v, x)) > 1);
    if (!far) return;
    const d = this.samples().map((x, i) => `${i ? "L" : "M"}${x.toFixed(1)} ${edge(right.v, x).toFixed(2)}`).join("");
    draw("path", { d, class: "bnm-ghost", "data-ghost": lane.row ?? "" }, planes.marks);
  }

  // missing: what the station should add is not there, and only its outline is drawn.
  bundle(lanes, term, at, missing) {
    const { g } = this;
    for (const one of bundle(lanes, term, g.u, at, g.phone ? 0.4 : 0.8, 6)) this.strand(one, term, missing);
  }

  strand(one, term, missing) {
    const { g, planes } = this;
    const { lane, x, width } = one;
    const value = lane.v[term];
    const from = 107;
    const edge = Math.min(lane.y, lane.y - this.level(lane.v, x) * g.u) - 1;
    const kind = missing ? "missing" : value > 0 ? "plus" : "minus";
    const group = draw("g", { class: "bnm-strand", "data-strand": term, "data-row": lane.row ?? "", "data-kind": kind, "data-value": value }, planes.strands);
    if (missing) {
      draw("rect", { x: x - width / 2, y: from, width, height: Math.max(0, edge - from), class: "bnm-gone", stroke: lane.color }, group);
      return;
    }
    const head = width >= 1.2 ? Math.max(3, width / 2 + 2) : 0;
    strand(pen, group, one, value, { from, edge, last: Math.min(16, g.room * 0.4), head });
  }

  // All lanes together: it runs dry, or what is left is seen.
  sum(drawn, batch) {
    const { g, data, planes } = this;
    const total = data.ledger.sums[this.mine ? "mine" : "right"];
    const { zero } = total;
    const v = Object.fromEntries(Object.entries(drawn).map(([term, value]) => [term, finite(value)]));
    if (zero) v.dx = 0;
    const color = zero ? GREY : ALARM;
    draw("line", { x1: g.x.end, x2: g.x.mouth + 8, y1: g.sum, y2: g.sum, class: "bnm-base" }, planes.marks);
    const group = draw("g", { "data-total": this.mine ? "mine" : "right", "data-value": batch.dx }, planes.ribbons);
    ribbon(pen, group, this.samples().map((x) => [x, g.sum, g.sum - this.level(v, x) * g.us]), color, `url(#bnm-${zero ? "sum" : "alarm"})`);
    this.text(g.x.label, g.sum + 6, "Σ", "bnm-title");
    const under = (value) => g.sum + (value < 0 ? -7 : 19);
    this.text(g.x.dx_direct, under(v.dx_direct), number(batch.dx_direct, true, data.places), "bnm-num");
    this.text(g.x.dx, under(v.dx), total.t, `bnm-num bnm-b ${zero ? "bnm-green" : "bnm-red"}`);
  }

  numbers(lanes, real_) {
    const { g, data } = this;
    const lines = data.ledger.lines;
    lanes.forEach((lane, i) => {
      const { v } = real_[i];
      const side = this.mine ? "mine" : "right";
      this.label(lane);
      this.onLane(lane, g.x.dx_direct, number(v.dx_direct, true, data.places), "bnm-num");
      this.onLane(lane, g.x.dx, lines[i]?.[side].t ?? number(v.dx, true, data.places), "bnm-num bnm-b");
      if (g.dense || g.phone) return;
      const missing = this.mine && data.paths[1].state === "missing";
      const content = missing ? "0" : number(v.dx_via_var, true, data.places);
      const edge = Math.min(lane.y, lane.y - this.level(lane.v, g.x.var) * g.u);
      this.text(g.x.var - g.band - 3, edge - 4, content, "bnm-small bnm-quiet bnm-halo", "end");
    });
  }

  onLane(lane, x, content, cls) {
    const { g, planes } = this;
    const y = lane.y - (g.dense ? 0 : (this.level(lane.v, x) * g.u) / 2);
    const wide = content.length * (g.phone ? 6.4 : 7.4) + 6;
    const high = Math.min(17, Math.max(12, (g.pitch || 40) - 2));
    draw("rect", { x: x - wide / 2, y: y - high / 2, width: wide, height: high, rx: 4, class: "bnm-gap" }, planes.words);
    this.text(x, y + 4.6, content, cls);
  }

  label(lane) {
    const { g, planes } = this;
    if (lane.row === null) {
      this.text(g.x.label, lane.y + 5, lane.name, "bnm-small bnm-b");
      return;
    }
    const r = Math.min(10.5, (g.pitch || 30) / 2 - 0.5);
    const half = Math.max(r, 4 + lane.name.length * 4); // wide enough for its number
    draw("rect", { x: g.x.label - half, y: lane.y - r, width: 2 * half, height: 2 * r, rx: r, fill: lane.color }, planes.words);
    this.text(g.x.label, lane.y + 4.7, lane.name, isLight(lane.color) ? "bnm-in bnm-dark" : "bnm-in");
  }

  text(x, y, content, cls, anchor = "middle") {
    return draw("text", { x, y, class: cls, "text-anchor": anchor }, this.planes.words, content);
  }

  math(name, x, y) {
    const box = draw("foreignObject", { x: x - 40, y: y - 25, width: 80, height: 50, class: "bnm-box" }, this.planes.words);
    setMath(make("div", "bnm-formula", box), this.data.formulas[name]);
  }

  light(row) {
    for (const part of this.svg.querySelectorAll("[data-row]")) part.classList.toggle("bnm-lit", row !== null && part.dataset.row === String(row));
  }
}
