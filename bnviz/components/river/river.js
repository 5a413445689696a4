// The river: draws the flow that Python computed, from the loss at the right to the weight at
// the left. Thickness is size on one scale; above a zero line and solid is plus, below and
// hatched is minus. It adds nothing up: every level of every lane is given.

import { draw, make, setAttribute, setMath } from "../bnviz.common/dom.js";
import { finite, number, real, short } from "../bnviz.common/numbers.js";
import { layout, lit } from "./layout.js";
import { Pen } from "./pen.js";
import { hatch, isLight, ribbon, smooth, thick } from "./shapes.js";
import { bundle, strand } from "./strands.js";

const PASS_MS = 6000; // one pass of the chevrons
const GREY = "var(--bnr-sum)";

let count = 0;

// A line broken at the space that is nearest to its middle.
function halves(line) {
  const spaces = [...line.matchAll(/ /g)].map((space) => space.index);
  const at = spaces.sort((one, other) => Math.abs(one - line.length / 2) - Math.abs(other - line.length / 2))[0];
  return [line.slice(0, at), line.slice(at + 1)];
}

export class River {
  // small: a picture among others, of lanes, strands and piles alone.
  constructor(stage, { small = false } = {}) {
    this.stage = stage;
    this.small = small;
    count += 1;
    this.id = `bnr${count}`; // of its hatching: another river on the page has its own
    this.grey = `url(#${this.id}-sum)`;
    this.root = make("figure", small ? "bnr bnr-small-one" : "bnr", stage.root);
    this.root.setAttribute("data-river", "");
    this.svg = draw("svg", { role: "img" }, this.root);
    this.pen = new Pen();
    this.notes = make("p", "bnr-notes", this.root);
    this.play = make("button", "bns-button bnr-play", this.root, "▸ Play");
    this.play.type = "button";
    this.play.onclick = () => this.flow();
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.svg.onpointerdown = (event) => this.grab(event);
    this.svg.onpointerover = (event) => this.look(event);
    this.svg.onpointerleave = () => {
      if (!this.stage.hold.gesture) this.stage.point(null);
    };
    new ResizeObserver(() => this.draw()).observe(this.root);
  }

  update({ river, ledger, formulas, walk }) {
    this.root.hidden = !river;
    if (!river) return;
    const before = this.given && JSON.stringify(this.given.lanes);
    this.given = river;
    if (!walk) this.along = null;
    this.ledger = ledger;
    this.formulas = formulas;
    for (const name of ["n", "gamma", "eps", "neuron", "input"]) {
      setAttribute(this.root, `data-${name}`, ledger[name]);
    }
    this.draw();
    // It moves where something changed, and rests while a hand is at work.
    if (JSON.stringify(river.lanes) !== before && !this.stage.hold.gesture) this.flow();
  }

  // ---- Drawing -----------------------------------------------------------------

  // Along a walk a step lights its stretch, and may be about other numbers than the river's.
  walk(step, sample) {
    this.along = step;
    this.sample = sample;
  }

  draw() {
    const width = this.root.clientWidth;
    if (!this.given || !width) return;
    this.data = { ...this.given, ...this.along?.river };
    const held = this.stage.hold.gesture && this.g && this.drawnAt === width;
    // The scale stands while a hand holds something.
    if (!held) this.g = layout(this.small ? 1000 : width, this.data);
    if (this.along && !this.g.phone) this.g.h = this.g.base + 86; // the step says what stands below
    this.drawnAt = width;
    this.root.classList.toggle("bnr-phone", this.g.phone);
    const { svg, g } = this;
    this.has = Object.fromEntries(this.data.parts.map((part) => [part, true]));
    setAttribute(this.root, "data-parts", this.data.parts.join(" "));
    const top = this.has.norm || g.phone ? 0 : 46; // over a closed norm stands nothing
    const high = this.small ? g.base + 64 : g.h;
    setAttribute(svg, "viewBox", `0 ${this.small ? 84 : top} ${g.w} ${high - (this.small ? 84 : top)}`);
    setAttribute(svg, "aria-label", this.data.alt);
    // Formulas and hatching take the browser long: they are drawn once, and left where they are.
    const { frozen, a, all_dweight: entries, colors, parts } = this.data;
    const shape = JSON.stringify([width, Boolean(this.along), g.part, g.count, frozen, !a, entries.length, g.x, colors, parts]);
    const anew = shape !== this.shape;
    if (anew) {
      svg.replaceChildren();
      this.defs = draw("defs", {}, svg);
      this.body = draw("g", {}, svg);
      this.heads = draw("g", {}, svg);
      this.veil = draw("g", { class: "bnr-veil" }, svg);
      hatch(this.defs, `${this.id}-sum`, GREY);
      colors.forEach((color, r) => hatch(this.defs, `${this.id}-${r}`, color));
    }
    this.shape = shape;
    this.list = this.lanesOf();
    const { body } = this;
    this.pen.begin(body);
    const names = ["back", "strands", "drops", "ribbons", "marks", "moving", "words"];
    this.planes = Object.fromEntries(names.map((name) => [name, this.pen.draw("g", {}, body)]));
    this.planes.heads = this.heads;
    this.drawStations();
    this.list.forEach((lane) => this.drawLane(lane));
    if (!this.data.frozen && this.has.norm) {
      this.drawStrands("var", "dx_via_var");
      this.drawStrands("mean", "dx_via_mean");
    }
    if (this.has.sum) this.drawSum();
    if (!this.has.norm) this.drawBox();
    this.drawPiles();
    if (this.small) for (const lane of this.list) this.label(lane);
    else this.drawWords(anew);
    this.pen.end();
    this.veil.replaceChildren();
    if (this.along) this.draped(this.veil, this.along.lit, "bnr-lit");
    this.light(this.pointed);
    if (this.along) this.stage.walk.follow(this);
  }

  drawWords(anew) {
    if (anew) this.drawHeads();
    this.drawAtHeads();
    this.drawNumbers();
    this.drawSaid();
    this.drawEntries();
  }

  // What is not lit lies under a veil of paper; the names of two on one page must differ.
  draped(parent, stretch, name) {
    const { g } = this;
    const whole = { x: -1, y: -1, width: g.w + 2, height: g.h + 2 };
    const mask = draw("mask", { id: name, maskUnits: "userSpaceOnUse", ...whole }, parent);
    draw("rect", { ...whole, fill: "#fff" }, mask);
    for (const [x, y, width, height] of lit(g, stretch, this.list[this.list.length - 1].y)) {
      draw("rect", { x, y, width, height, fill: "#000" }, mask);
    }
    draw("rect", { ...whole, class: "bnr-veil", mask: `url(#${name})` }, parent);
  }

  lanesOf() {
    const { rows, colors, lanes, rest, others, a, deviation } = this.data;
    const list = rows.map((row, r) => {
      const v = Object.fromEntries(Object.entries(lanes).map(([term, values]) => [term, finite(values[r])]));
      return {
        row, r, v, color: colors[r], pattern: `url(#${this.id}-${r})`, name: String(row + 1),
        a: a ? real(a[r]) : null, deviation: real(deviation[r]),
      };
    });
    if (rest) {
      const v = Object.fromEntries(Object.entries(rest).map(([term, value]) => [term, finite(value)]));
      list.push({ row: null, v, color: GREY, pattern: this.grey, name: "others", a: null });
    }
    list.forEach((lane, i) => {
      lane.y = this.g.first + i * this.g.pitch;
    });
    return list;
  }

  // How thick a lane is at x, signed, in pixels.
  height(v, x, ks = 1) {
    const { g } = this;
    const across = (at, band) => smooth((at + band - x) / (2 * band));
    const mouth = v.dy * g.mouth;
    if (x >= g.x.gate + g.band.gate) return mouth * ks;
    if (x > g.x.gate - g.band.gate) {
      const t = across(g.x.gate, g.band.gate);
      return (mouth * (1 - t) + v.dx_direct * g.u * t) * ks;
    }
    if (x > g.x.mean + g.band.mean) {
      const t = across(g.x.var, g.band.var);
      return (v.dx_direct * (1 - t) + v.after_var * t) * g.u * ks;
    }
    const t = across(g.x.mean, g.band.mean);
    return (v.after_var * (1 - t) + v.dx * t) * g.u * ks;
  }

  drawStations() {
    const { g } = this;
    const last = this.list[this.list.length - 1].y;
    const band = (name, end) =>
      this.pen.draw(
        "rect",
        { x: g.x[name] - g.band[name], y: g.first - g.room * 0.62, width: 2 * g.band[name], height: end - g.first + g.room * 0.62, rx: 8, class: "bnr-station" },
        this.planes.back,
      );
    const low = this.has.sum ? g.sum + 8 : last + g.room * 0.62;
    if (this.has.norm) for (const name of ["gate", "var", "mean"]) band(name, low);
    if (this.data.a) band("turn", last + g.room * 0.5);
    if (!this.has.sum) return;
    const rule = g.sum - Math.max(40, g.caps.sum + 4);
    this.pen.draw("line", { x1: g.phone ? g.x.end : g.x.dx - 20, x2: g.w, y1: rule, y2: rule, class: "bnr-rule" }, this.planes.back);
  }

  // Before the story has opened the norm: what happens in it is not seen.
  drawBox() {
    const { g } = this;
    const { from, to } = this.inside;
    const [top, end] = [g.first - g.room * 0.62, this.has.sum ? g.sum + 12 : g.low];
    const place = { x: from, y: top, width: to - from, height: end - top, rx: 10 };
    this.pen.draw("rect", { ...place, class: "bnr-closed" }, this.planes.marks);
    this.text((from + to) / 2, (top + end) / 2, "the norm", "bnr-card bnr-quiet");
  }

  get inside() {
    const { g } = this;
    return { from: g.x.mean - g.band.mean, to: g.x.gate + g.band.gate };
  }

  // Where a lane has to be measured: at its mouth, and often in the bands where it changes.
  samples(end) {
    const { g } = this;
    const found = [g.x.mouth];
    for (const name of ["gate", "var", "mean", "turn"]) {
      const [x, band] = [g.x[name], g.band[name]];
      for (let i = -8; i <= 8; i += 1) found.push(x - (i / 8) * band);
    }
    return found.filter((x) => x > end);
  }

  drawLane(lane) {
    const { g, planes } = this;
    const end = this.data.a || lane.v.dweight !== undefined ? g.x.end : g.x.dx - 30;
    this.pen.draw("line", { x1: end, x2: g.x.label - 12, y1: lane.y, y2: lane.y, class: "bnr-zero" }, planes.marks);
    const points = [];
    const out = lane.v.dweight === undefined ? 0 : lane.v.dweight * g.by;
    for (const x of this.samples(end)) {
      const t = lane.v.dweight === undefined ? 0 : smooth((g.x.turn + g.band.turn - x) / (2 * g.band.turn));
      points.push([x, lane.y, lane.y - thick(this.height(lane.v, x) * (1 - t) + out * t)]);
    }
    points.push([end, lane.y, lane.y - thick(lane.v.dweight === undefined ? lane.v.dx * g.u : out)]);
    const group = this.pen.draw("g", { class: "bnr-lane" }, planes.ribbons);
    ribbon(this.pen, group, points, lane.color, lane.pattern);
  }

  drawStrands(station, term) {
    const { g } = this;
    const [gap, apart] = g.phone ? [0.3, 4] : [0.8, 10];
    for (const one of bundle(this.list, term, g.u, g.x[station], gap, apart)) this.drawStrand(one, term);
    if (station === "mean" && this.has.sum && !g.phone && Math.abs(real(this.data.batch.dx_via_mean)) * g.u >= 1) {
      this.drawSumStrand(term);
    }
  }

  drawStrand(one, term) {
    const { g, planes } = this;
    const { lane, x, width } = one;
    const value = lane.v[term];
    const group = this.pen.draw("g", { class: "bnr-strand", "data-strand": term, "data-row": lane.row ?? "", "data-value": value }, planes.strands);
    strand(this.pen, group, one, value, {
      from: g.node.y + g.node.r,
      edge: Math.min(lane.y, lane.y - this.height(lane.v, x)) - 1,
      last: g.phone ? 12 : Math.min(18, g.room * 0.4),
      head: width >= (g.dense ? 2.4 : 1.2) ? Math.max(3.2, width / 2 + 2.2) : 0,
    });
  }

  // The Σ lane gets all of them at once: as thick as what it brings, and so it runs dry.
  drawSumStrand(term) {
    const { g, planes } = this;
    const value = real(this.data.batch[term]);
    const width = Math.abs(value) * g.u;
    const edge = g.sum - Math.max(0, real(this.data.batch.after_var) * g.u) - 2;
    const top = edge - 22;
    const x = g.x.mean + g.band.mean - width / 2 - 3;
    const group = this.pen.draw("g", { class: "bnr-strand", "data-strand": term, "data-sum": term, "data-value": value }, planes.strands);
    const fill = value > 0 ? GREY : this.grey;
    this.pen.draw("rect", { x: x - width / 2, y: top, width, height: edge - top - 3, fill, stroke: GREY, "stroke-width": 0.8 }, group);
    const head = width / 2 + 4;
    this.pen.draw("path", { d: `M${x - head} ${edge - 5}L${x} ${edge + 2}L${x + head} ${edge - 5}Z`, fill: GREY }, group);
  }

  drawSum() {
    const { g, planes, data } = this;
    const v = Object.fromEntries(Object.entries(data.batch).map(([term, value]) => [term, finite(value)]));
    // What is zero by its sum is drawn as zero, not as what rounding left.
    if (data.zero.dx) v.dx = 0;
    const end = this.has.bias && !g.phone ? g.x.drop + 30 : g.x.end;
    const points = [];
    for (const x of this.samples(end)) points.push([x, g.sum, g.sum - this.height(v, x)]);
    points.push([end, g.sum, g.sum - this.height(v, end)]);
    ribbon(this.pen, planes.ribbons, points, GREY, this.grey);
    if (g.phone) this.pen.draw("line", { x1: 2, x2: g.x.mouth + 8, y1: g.sum, y2: g.sum, class: "bnr-base" }, planes.marks);
    if (!g.phone || this.has.bias || this.has.weight) {
      this.pen.draw("line", { x1: 4, x2: g.phone ? g.w : g.x.mouth + 24, y1: g.base, y2: g.base, class: "bnr-base" }, planes.marks);
    }
    if (this.small) return;
    const under = (term, x, value, cls, change = false) => {
      const y = g.sum + (this.height(v, g.x.dx_direct) < 0 ? -7 : 18);
      const group = this.pen.draw("g", { "data-sum": term, "data-value": data.batch[term] }, planes.words);
      const zero = data.zero[term] ?? (term === "after_var" && data.zero.dx_direct);
      const moved = number(real(data.moved), false, this.places);
      const shares = change && term === "dx_via_var" && zero && data.moved > data.bound && moved.length < 6;
      const content = shares ? `+${moved} − ${moved}` : zero ? (change ? "+0" : "0") : number(value, true, this.places);
      this.text(x, y, content, cls, "middle", group);
    };
    under("dy", g.x.dy, v.dy, "bnr-num bnr-b");
    if (this.has.norm) under("dx_direct", g.x.dx_direct, v.dx_direct, "bnr-num bnr-b");
    if (!g.phone && this.has.norm) under("dx_via_var", g.x.var, v.dx_via_var, "bnr-num bnr-quiet", true);
    if (!g.phone && this.has.norm) under("dx_via_mean", g.x.mean, v.dx_via_mean, "bnr-num bnr-quiet", true);
    if (this.has.norm) under("after_var", g.x.dx_via_var, v.after_var, "bnr-num bnr-b");
    under("dx", g.x.dx, v.dx, `bnr-num bnr-b${data.zero.dx ? " bnr-green" : data.leaks ? " bnr-leak-text" : ""}`);
    this.text(g.x.label, g.sum + 6, "Σ", "bnr-card bnr-b");
  }

  get places() {
    return this.ledger.places.dx;
  }

  // ---- The two piles -----------------------------------------------------------

  drawPiles() {
    const { g, data } = this;
    if (this.has.bias) {
      this.bias = this.pile("dx", g.bias, g.u);
      if (!g.phone) this.drawDrops();
    }
    if (data.piles.weight) {
      this.pileW = this.pile("dweight", g.weight, g.by);
      if (g.phone) this.drawGather();
      else this.drawFan();
      const total = real(this.data.batch.dweight);
      if (!data.zero.dweight && Number.isFinite(total)) {
        const high = Math.max(1.5, Math.abs(total) * g.by);
        if (!g.phone && !this.small) this.netLabel(total, total > 0 ? g.base - high - 6 : g.base - 6);
        this.pen.draw("rect", { x: g.weight[0] - g.net - 9, y: total > 0 ? g.base - high : g.base, width: g.net, height: high, class: "bnr-net" }, this.planes.ribbons);
      }
    }
  }

  // Ends beside the pile, whose own label begins there; a long one stands a line above that.
  netLabel(total, y) {
    const content = number(total, true, this.ledger.places.dweight);
    const beside = this.g.weight[0] - 3;
    const end = Math.max(beside, content.length * 7.6 + 2);
    this.text(end, end > beside ? Math.min(y, this.pileW.up - 4) - 16 : y, content, "bnr-num bnr-b bnr-halo", "end");
  }

  pile(term, [x, width], u) {
    const { g, planes } = this;
    let up = g.base;
    let down = g.base;
    const blocks = new Map();
    const plus = this.list.filter((lane) => lane.v[term] > 0).reverse();
    for (const lane of plus) {
      const top = up - lane.v[term] * u;
      blocks.set(lane, [up, top]);
      up = top;
    }
    for (const lane of this.list.filter((other) => other.v[term] < 0)) {
      const bottom = down - lane.v[term] * u;
      blocks.set(lane, [down, bottom]);
      down = bottom;
    }
    for (const [lane, [from, to]] of blocks) {
      const high = Math.max(1.2, Math.abs(to - from));
      const y = Math.min(from, to);
      const group = this.pen.draw("g", { "data-pile": term, "data-row": lane.row ?? "", "data-value": lane.v[term] }, planes.ribbons);
      this.pen.draw("rect", { x, y, width, height: high, class: "bnr-paper" }, group);
      const fill = lane.v[term] > 0 ? lane.color : lane.pattern;
      const stroke = lane.v[term] > 0 ? "var(--bnr-paper)" : lane.color;
      this.pen.draw("rect", { x, y, width, height: high, fill, stroke, "stroke-width": 0.8 }, group);
      if (high >= 13 && !this.small) this.badge(group, x + width / 2, y + high / 2 + 4.5, lane, lane.v[term] < 0);
    }
    return { blocks, up, down };
  }

  badge(parent, x, y, lane, onPaper) {
    const cls = onPaper ? "bnr-in bnr-halo" : isLight(lane.color) ? "bnr-in bnr-dark" : "bnr-in";
    this.text(x, y, lane.name, cls, "middle", parent);
  }

  // Each lane, as it is, goes down to the pile of the bias: as thick as the lane, and so as
  // its block. The upper a block, the nearer its strand: none crosses another.
  drawDrops() {
    const { g, planes } = this;
    const order = [...this.bias.blocks].sort(([, [a, b]], [, [c, d]]) => Math.min(a, b) - Math.min(c, d));
    let x = g.bias[0] + g.bias[1] + 12;
    for (const [lane, [from, to]] of order) {
      const width = Math.max(1, Math.abs(to - from));
      const y = (from + to) / 2;
      const centre = x + width / 2;
      const turn = Math.min(10, width / 2 + 4);
      const color = lane.v.dx > 0 || width <= 3 ? lane.color : lane.pattern;
      const d = `M${centre} ${lane.y}V${y - turn}Q${centre} ${y} ${centre - turn} ${y}H${g.bias[0] + g.bias[1]}`;
      const group = this.pen.draw("g", { class: "bnr-drop", "data-pile": "dx", "data-row": lane.row ?? "" }, planes.drops);
      this.pen.draw("path", { d, fill: "none", stroke: color, "stroke-width": width }, group);
      x += width + 1.5;
    }
  }

  drawFan() {
    const { g, planes } = this;
    const end = g.weight[0] + g.weight[1];
    for (const [lane, [from, to]] of this.pileW.blocks) {
      const width = Math.abs(thick(lane.v.dweight * g.by));
      const y0 = lane.y - thick(lane.v.dweight * g.by) / 2;
      const y1 = (from + to) / 2;
      const middle = (g.x.end + end) / 2;
      const d = `M${g.x.end + 0.5} ${y0}C${middle} ${y0} ${middle} ${y1} ${end} ${y1}`;
      const stroke = lane.v.dweight > 0 ? lane.color : width > 3 ? lane.pattern : lane.color;
      this.pen.draw("path", { d, fill: "none", "stroke-width": width + 1.6, class: "bnr-edge" }, planes.ribbons);
      this.pen.draw("path", { d, fill: "none", stroke, "stroke-width": width }, planes.ribbons);
    }
  }

  drawGather() {
    const { g } = this;
    const low = g.base - Math.max(16, this.pileW.up < g.base ? g.base - this.pileW.up + 8 : 16);
    this.pen.draw("path", { d: `M2 ${g.first}V${low}m-4 -7l4 7 4 -7`, class: "bnr-gather" }, this.planes.marks);
  }

  // ---- Words -------------------------------------------------------------------

  text(x, y, content, cls, anchor = "middle", parent = this.planes.words) {
    const put = parent === this.heads ? draw : (...given) => this.pen.draw(...given);
    return put("text", { x, y, class: cls, "text-anchor": anchor }, parent, content);
  }

  // The claim first, and then why, in two lines where one would meet its neighbour's.
  lines(x, y, said, claims, anchor = "middle") {
    said.flatMap((line) => (line.length > 36 ? halves(line) : [line])).forEach((line, i) => this.text(x, y + i * 18, line, i < claims ? "bnr-say" : "bnr-small bnr-quiet", anchor));
  }

  // A formula, centred on a place, at its start or at its end.
  math(name, x, y, cls = "", anchor = "middle") {
    const wide = 220;
    const left = x - { start: 0, middle: wide / 2, end: wide }[anchor];
    const box = draw("foreignObject", { x: left, y: y - 25, width: wide, height: 50, class: "bnr-box" }, this.planes.heads);
    const place = make("div", `bnr-formula bnr-${anchor} ${cls}`, box);
    setMath(place, this.formulas[name]);
  }

  // What stands over the stations whatever the numbers are.
  drawHeads() {
    const { g, data } = this;
    const parent = this.planes.heads;
    const quiet = (x, y, content, anchor) => this.text(x, y, content, "bnr-small bnr-quiet", anchor, parent);
    if (!g.phone) quiet(g.w - 1, g.first - 24, this.list.length > 1 ? "samples" : "sample", "end");
    for (const [name, letters, said, gradient] of !this.has.norm ? [] : [["var", "var", "variance", "dvar"], ["mean", "mean", "mean", "dmean"]]) {
      const x = g.x[name];
      draw("circle", { cx: x, cy: g.node.y, r: g.node.r, class: "bnr-node" }, parent);
      this.math(letters, x, g.node.y, "bnr-large");
      if (g.narrow && !(this.along && !g.phone)) continue;
      if (!g.narrow) quiet(x - g.node.r - 5, g.node.y + 5, said, "end");
      if (data.frozen) quiet(x + g.node.r + 7, g.node.y + 5, "constant", "start");
      else this.math(gradient, g.narrow ? x - g.node.r - 72 : x + g.node.r + 17, g.node.y, "bnr-tight");
    }
    const y = g.equation;
    const sign = (x, content) => this.text(x, y + 5, content, "bnr-card", "middle", parent);
    const aside = g.narrow ? 10 : 0;
    this.math("dx", g.phone ? g.x.dx : g.x.dx - 14 - aside, y, g.phone ? "bnr-tight" : "");
    if (g.phone) {
      if (data.a) this.math("times_a", g.x.pill, y);
      this.math("dy", g.x.dy + 4, y, "bnr-tight");
      if (this.has.norm) for (const [x, mark] of [[g.x.dx + 17.4, "="], [g.x.mean + 2, "③"], [g.x.mean + 16, "+"], [g.x.dx_via_var + 4, "②"], [g.x.var + 12, "+"], [g.x.dx_direct, "①"]]) {
        this.text(x, y + 4, mark, "bnr-say", "middle", parent);
      }
      return;
    }
    if (this.has.norm) this.math("gate", g.x.gate, g.node.y + 38, "bnr-tight bnr-muted");
    const loss = this.has.norm ? g.node.y : y;
    // Beside the gate's pill, where there is little room.
    const dy = this.has.norm ? Math.max(g.x.dy, g.x.gate + 58) : g.x.dy;
    this.math("dy", dy, loss);
    if (!g.narrow) quiet(g.w, loss - 8, "from the loss", "end");
    draw("path", { d: `M${g.w} ${loss + 2}H${dy + 26}m7 -5l-7 5 7 5`, class: "bnr-dir" }, parent);
    if (data.a) {
      const half = g.x.pill;
      this.math("times_a", half, g.equation - 20, "bnr-large");
      quiet(half, g.equation + 8, "its own input");
      if (this.has.weight && !this.along && !g.narrow) this.math("share", g.x.dweight, g.equation, "bnr-tight");
      if (g.part > 1) quiet(half, g.equation + 25, `from here at 1/${g.part}`);
    }
    if (this.has.norm) this.drawEquation(sign, quiet, aside);
    if (data.all_dweight.length) {
      quiet(0, 13, "all of", "start");
      this.math("dweight", 38, 9, "bnr-tight", "start");
    }
    if (g.narrow || !this.has.weight) return;
    this.math("forward", 0, 46 + 19 * data.all_dweight.length, "bnr-tight bnr-muted", "start");
  }

  // ∂L/∂xᵢ = ③ + ② + ①, over the columns in which the three stand.
  drawEquation(sign, quiet, aside) {
    const { g, data, heads: parent } = this;
    const y = g.equation;
    sign(g.x.dx + 12 - aside, "=");
    sign(g.x.mean + 46, "+");
    sign(Math.max((g.x.var + g.x.dx_direct) / 2, g.x.var + g.band.var) + 8, "+");
    const marks = [[g.x.mean - 54 + aside / 2, "③"], [g.x.var - 70, "②"], [g.x.dx_direct, "①"]];
    for (const [x, mark] of marks) this.text(x, y + 1, mark, "bnr-say", "middle", parent);
    if (!g.narrow && !this.along) quiet(g.x.dx_direct, y + 19, "through the gate");
    if (!data.frozen && !g.dense) this.math("away", g.x.var, this.list[this.list.length - 1].y + 28, "bnr-tight bnr-muted");
  }

  // The numbers at the heads, and the gate that one takes hold of.
  drawAtHeads() {
    const { g, data } = this;
    if (!this.has.norm) return;
    const { dvar, dmean, gate, each } = data.numbers;
    this.knob("gamma", 0, g.x.gate + (g.phone ? 8 : 0), g.node.y, `× ${short(gate)}`, true);
    if (g.narrow && !(this.along && !g.phone)) return;
    const small = "bnr-small bnr-quiet";
    if (!data.frozen) {
      for (const [name, value] of [["var", dvar], ["mean", dmean]]) {
        const [at, side] = g.narrow ? [-g.node.r - 6, "end"] : [g.node.r + 32, "start"];
        this.text(g.x[name] + at, g.node.y + 6, `= ${number(value)}`, small, side);
      }
    }
    if (g.narrow || this.along) return;
    if (!data.frozen) {
      // Where the two gradients come from.
      if (dmean) this.text(g.x.mean + 34, g.node.y + 37, "= −Σ①", `${small} bnr-halo`, "start");
      this.text(g.x.var + 34, g.node.y + 37, "from Σ①(xᵢ−μ)", `${small} bnr-halo`, "start");
    }
    const below = g.equation + 19;
    this.text(g.x.mean - 54, below, data.frozen ? "0" : data.n > 1 ? `${number(dmean)} / ${data.n} each` : number(each, true, this.places), small);
    const slope = data.moved <= data.bound ? "≈ 0" : `${short(dvar)} · 2/${data.n} · (xᵢ − μ)`;
    this.text(g.x.var - 70, below, data.frozen ? "0" : slope, small);
  }

  // A number stands on its lane, in a gap of paper, so that nobody takes it for another lane's.
  onLane(lane, term, x, height, cls) {
    const { g } = this;
    const content = number(lane.v[term], true, term === "dy" ? this.ledger.places.dy : term === "dweight" ? this.ledger.places.dweight : this.places);
    const y = lane.y - (g.dense ? 0 : height / 2);
    const group = this.pen.draw("g", { class: "bnr-value", "data-term": term, "data-row": lane.row ?? "", "data-value": lane.v[term] }, this.planes.words);
    const tight = g.phone && content.length > 5; // a longer number is set narrower
    const wide = tight ? 41 : content.length * (g.phone ? 6.4 : 7.6) + 6;
    if (term === "dy") x = Math.min(x, g.x.mouth - 3 - wide / 2); // clear of the mouth, however long
    const high = Math.min(17, Math.max(12, (g.pitch || 40) - 2));
    this.pen.draw("rect", { x: x - wide / 2, y: y - high / 2, width: wide, height: high, rx: 4, class: "bnr-gap" }, group);
    const narrow = tight ? { textLength: 38, lengthAdjust: "spacingAndGlyphs" } : {};
    this.pen.draw("text", { x, y: y + 4.6, class: cls, "text-anchor": "middle", ...narrow }, group, content);
  }

  drawNumbers() {
    const { g, data } = this;
    const strong = "bnr-num bnr-b";
    let out = 0;
    let lastEdge = -1e9;
    for (const lane of this.list) {
      const { v } = lane;
      this.label(lane);
      this.onLane(lane, "dy", g.x.dy, this.height(v, g.x.dy), "bnr-num");
      if (this.has.norm) {
        this.onLane(lane, "dx_direct", g.x.dx_direct, this.height(v, g.x.dx_direct), "bnr-num");
        this.onLane(lane, "after_var", g.x.dx_via_var, this.height(v, g.x.dx_via_var), "bnr-num");
        if (!data.frozen && !g.dense) this.change(lane);
      }
      this.onLane(lane, "dx", g.x.dx, this.height(v, g.x.dx), strong);
      if (v.dweight !== undefined) {
        this.onLane(lane, "dweight", g.phone ? g.x.dweight + 4 : g.x.dweight, v.dweight * g.by, strong);
      }
      if (this.has.norm && !data.frozen && !g.phone && lane.row !== null && !g.dense) this.gauge(lane);
      if (lane.row === null) continue;
      const edge = lane.y - v.dy * g.mouth;
      out = !out && edge - lastEdge < 25 ? 1 : 0;
      lastEdge = edge;
      this.mouth(lane, edge, out);
      if (data.a) {
        const y = lane.y - (g.dense ? 0 : this.height(v, g.x.pill) / 2);
        this.knob("a", lane.row, g.x.pill, y, `×${short(lane.a)}`, false);
        if (g.room >= 40 && !g.phone && lane.a < 0 && v.dweight) {
          const below = v.dweight > 0 ? lane.y + 17 : lane.y - 9;
          this.text(g.x.dweight, below, "turned over", "bnr-small bnr-quiet bnr-halo");
        }
      }
    }
  }

  // What σ² brings stands beside its strand, and not on the lane: it is a change.
  change(lane) {
    const { g } = this;
    const edge = lane.y - Math.max(0, this.height(lane.v, g.x.var), this.height(lane.v, g.x.dx_via_var) / 2);
    const group = this.pen.draw("g", { class: "bnr-value", "data-term": "dx_via_var", "data-row": lane.row ?? "", "data-value": lane.v.dx_via_var }, this.planes.words);
    const content = Math.abs(lane.v.dx_via_var) <= this.data.bound ? "≈ 0" : number(lane.v.dx_via_var, true, this.places);
    this.text(g.x.var - g.band.var - (g.phone ? -2 : 3), edge - 8, content, "bnr-small bnr-quiet bnr-halo", g.phone ? "middle" : "end", group);
  }

  label(lane) {
    const { g } = this;
    const r = Math.min(this.small ? 18 : 11, (g.pitch || 30) / 2 - 0.5);
    const choose = this.along && lane.row !== null ? { class: "bnr-cell", "data-sample": lane.row } : {};
    const group = this.pen.draw("g", choose, this.planes.words);
    if (lane.row === null) {
      this.text(g.w - 1, lane.y + 6, String(this.data.others), "bnr-small bnr-b", "end", group);
      this.text(g.w - 1, lane.y + 19, lane.name, "bnr-small bnr-quiet", "end", group);
      return;
    }
    this.pen.draw("circle", { cx: g.x.label - (this.small ? 3 : 0), cy: lane.y, r, fill: lane.color }, group);
    this.badge(group, g.x.label - (this.small ? 3 : 0), lane.y + (this.small ? 9 : 4.8), lane, false);
    if (!this.along) return;
    this.pen.draw("title", {}, group, `Sample ${lane.name}: walk with its numbers`);
    if (lane.row === this.sample) {
      this.pen.draw("circle", { cx: g.x.label, cy: lane.y, r: r + (g.phone ? 1.5 : 3), class: "bnr-ring" }, group);
    }
  }

  // How far x is from the mean: what σ² goes by.
  gauge(lane) {
    const { g } = this;
    const most = Math.max(...this.list.map((other) => Math.abs(other.deviation ?? 0))) || 1;
    const y = lane.y + 9;
    const way = (lane.deviation / most) * (g.band.var - 6);
    const group = this.pen.draw("g", { class: "bnr-gauge" }, this.planes.words);
    this.pen.draw("line", { x1: g.x.var, x2: g.x.var + way, y1: y, y2: y, class: "bnr-way bnr-way-paper" }, group);
    this.pen.draw("line", { x1: g.x.var, x2: g.x.var + way, y1: y, y2: y, class: "bnr-way" }, group);
    this.pen.draw("line", { x1: g.x.var, x2: g.x.var, y1: y - 4, y2: y + 4, class: "bnr-tick" }, group);
    this.pen.draw("circle", { cx: g.x.var + way, cy: y, r: 3.2, class: "bnr-dot" }, group);
  }

  drawSaid() {
    const { g, data } = this;
    const { said } = data;
    this.notes.replaceChildren();
    if (this.along) {
      // The step says it.
    } else if (g.narrow) this.sayBelow();
    else {
      const y = g.sum + 44;
      this.lines((g.x.var + g.x.dx_direct) / 2 - 10, y, said.var, 2);
      this.lines(g.x.mean - 6, y, said.mean, 2);
      // Beside the strands that go down to the weight's pile: why they are not the bias's.
      const weighed = [...said.rule.slice(0, 2), ...said.turned, ...said.rule.slice(2)];
      this.lines(0, 178, weighed, said.rule.length ? 2 : 1, "start");
      const piles = this.has.bias || this.has.weight;
      const low = this.has.sum ? y : g.low + 24;
      this.key(piles ? g.w - 150 : 8, piles ? low - 2 : g.h - 14, 8, "plus: above, solid");
      this.key(piles ? g.w - 150 : 168, piles ? low + 18 : g.h - 14, -8, "minus: below, hatched");
    }
    this.cards();
  }

  // The same sentences in lines of text, under the picture.
  sayBelow() {
    const { said } = this.data;
    const put = (name, lines) => {
      if (!lines.length) return;
      const line = make("span", "bnr-note", this.notes, name);
      make("b", "", line, lines[0]);
      const rest = lines.slice(1).map((part, i) => (/[,:]$/.test(lines[i]) ? ` ${part}` : `; ${part}`));
      line.append(`${rest.join("")}.`);
    };
    put("", said.gate);
    put("σ² ", said.var);
    put("μ: ", said.mean);
    put("", said.rule);
    put("", said.turned);
    make("span", "bnr-note", this.notes, "Plus is solid, above its line; minus is hatched, below it.");
  }

  key(x, y, height, content) {
    const points = [[x + 16, y, y], [x + 14, y, y - height], [x + 2, y, y - height], [x, y, y]];
    ribbon(this.pen, this.planes.words, points, GREY, this.grey);
    this.pen.draw("line", { x1: x - 2, x2: x + 18, y1: y, y2: y, class: "bnr-zero" }, this.planes.words);
    this.text(x + 23, y + (height > 0 ? 1 : 8), content, "bnr-small bnr-quiet", "start");
  }

  cards() {
    const { g, data } = this;
    const { piles, said } = data;
    const low = g.base + (g.phone ? 62 : 50);
    const ends = (x, anchor, pile, pair, term) => {
      const places = this.ledger.places[term] ?? 2;
      const put = (y, value) => this.text(x, y, number(value, true, places), "bnr-num bnr-quiet bnr-halo", anchor);
      const outside = term === "dweight" && !g.phone; // beside it are its strands
      if (real(pair[0])) put(outside ? pile.up - 6 : Math.min(pile.up + 12, g.base - 5), pair[0]);
      if (real(pair[1])) put(outside ? Math.min(pile.down + 14, g.base + 44) : Math.max(pile.down - 2, g.base + 15), pair[1]);
    };
    const card = (x, width, cls, content) => {
      this.pen.draw("rect", { x, y: low, width, height: 31, rx: 8, class: `bnr-plate ${cls}` }, this.planes.words);
      this.text(x + width / 2, low + 21, content, `bnr-card bnr-b ${cls}-text`);
    };
    const width = g.phone ? 180 : 172;
    if (said.bias) this.biasCard(card, ends, width, low);
    if (!said.weight) return;
    card(0, width, said.weight.alive ? "bnr-alive" : "bnr-dead", said.weight.claim);
    if (!this.along || g.phone) this.why(0, width, low, said.weight);
    ends(g.phone ? g.weight[0] + g.weight[1] + 6 : g.weight[0] + 3, "start", this.pileW, piles.weight, "dweight");
    if (g.phone) this.text(g.weight[0] + g.weight[1] / 2, g.base - g.caps.up - 10, "each × own a", "bnr-small bnr-quiet");
  }

  // Under a result: what it moves, and the sum written out.
  why(x, width, low, { why, sum }) {
    const [what, ...terms] = sum;
    const lines = this.g.phone || !what ? sum : [`${what} ${terms[0]}`, ...terms.slice(1)];
    const [at, anchor] = this.g.phone ? [x + width / 2, "middle"] : [x, "start"];
    this.text(at, low + 49, why, "bnr-small bnr-quiet", anchor);
    lines.forEach((line, i) => this.text(at, low + 68 + i * 17, line, "bnr-small", anchor));
  }

  biasCard(card, ends, width, low) {
    const { g, data } = this;
    const { piles, said } = data;
    const biasX = g.phone ? 194 : g.bias[0] + g.bias[1] / 2 - width / 2 + 8;
    card(biasX, width, data.zero.dx ? "bnr-dead" : data.leaks ? "bnr-leak" : "bnr-plain", said.bias.claim);
    if (!this.along || g.phone) this.why(biasX, width, low, said.bias);
    ends(g.phone ? g.bias[0] + g.bias[1] + 6 : g.bias[0] - 6, g.phone ? "start" : "end", this.bias, piles.bias, "dx");
    const [x, top, anchor] = g.phone ? [g.bias[0] + g.bias[1] / 2, g.base - g.caps.up, "middle"] : [g.bias[0] + g.bias[1], this.bias.up + 1, "end"];
    if (this.bias.blocks.size) this.text(x, top - 10, "each × 1", "bnr-small bnr-quiet", anchor);
  }

  // All of ∂L/∂W, small: choosing an entry chooses its neuron and its input.
  drawEntries() {
    const { g, data, ledger } = this;
    const entries = data.all_dweight;
    if (!entries.length || g.phone) return;
    const rows = entries.length;
    const columns = entries[0].length;
    const most = Math.max(...entries.flat().map(({ v, zero }) => (zero ? 0 : Math.abs(real(v))))) || 1;
    const [left, top, width, high] = [58, 36, Math.min(76, 170 / columns), 19];
    for (let j = 0; j < columns; j += 1) this.text(left + j * width + (width - 5) / 2, 31, columns > 2 ? String(j + 1) : `neuron ${j + 1}`, "bnr-small bnr-quiet");
    for (let p = 0; p < rows; p += 1) {
      this.text(0, top + p * high + 13, `input ${p + 1}`, "bnr-small bnr-quiet", "start");
      for (let j = 0; j < columns; j += 1) {
        const { v, zero, lost } = entries[p][j];
        const mine = p === ledger.input && j === ledger.neuron;
        const x = left + j * width;
        const centre = x + (width - 5) / 2;
        const bar = zero ? 0 : (Math.abs(real(v)) / most) * ((width - 5) / 2 - 4);
        const cell = this.pen.draw("g", { class: "bnr-cell", "data-p": p, "data-j": j, "data-value": v }, this.planes.words);
        this.pen.draw("title", {}, cell, `input ${p + 1}, neuron ${j + 1}: ${lost ? "lost in rounding" : zero ? "0" : number(v, true)}`);
        this.pen.draw("rect", { x, y: top + p * high, width: width - 5, height: high - 4, rx: 4, class: mine ? "bnr-mine" : "bnr-other" }, cell);
        this.pen.draw("rect", { x: real(v) < 0 ? centre - bar : centre, y: top + p * high + 4, width: bar, height: 7, class: mine ? "bnr-net" : "bnr-dull" }, cell);
        this.pen.draw("line", { x1: centre, x2: centre, y1: top + p * high + 2, y2: top + p * high + high - 6, class: "bnr-tick" }, cell);
      }
    }
  }

  // ---- What can be held ----------------------------------------------------------

  mouth(lane, edge, out) {
    const { g } = this;
    if (!this.ledger.editable.includes("dy")) return;
    const x = g.x.mouth + (out ? (g.phone ? 12 : 19) : 0);
    const group = this.pen.draw("g", { class: "bnr-hold", "data-hold": "dy", "data-row": lane.row }, this.planes.words);
    this.pen.draw("rect", { x: x - 8, y: edge - 16, width: 32, height: 32, class: "bnr-target" }, group);
    this.pen.draw("rect", { x: x - 1, y: edge - 8.5, width: 17, height: 17, rx: 6, class: "bnr-pill" }, group);
    this.pen.draw("path", { d: `M${x + 3.5} ${edge - 1.8}l4 -4.2 4 4.2ZM${x + 3.5} ${edge + 1.8}l4 4.2 4 -4.2Z`, class: "bnr-grip" }, group);
  }

  knob(term, row, x, y, content, large) {
    const { g } = this;
    const held = this.ledger.editable.includes("a") && (term !== "gamma" || this.gamma);
    const width = content.length * (g.phone ? 6.8 : 7.4) + (held ? 24 : 12);
    const high = large ? 25 : g.dense ? Math.min(19, g.pitch - 1) : 22;
    const group = this.pen.draw("g", { class: held ? "bnr-hold" : "", "data-hold": held ? term : "", "data-row": row }, this.planes.words);
    this.pen.draw("rect", { x: x - width / 2, y: y - high / 2, width, height: high, rx: high / 2, class: "bnr-pill" }, group);
    if (held) {
      for (const dx of [0, 4]) for (const dy of [-4, 0, 4]) this.pen.draw("circle", { cx: x - width / 2 + 9 + dx, cy: y + dy, r: 1.1, class: "bnr-grip" }, group);
    }
    this.text(x + (held ? 6 : 0), y + 4.8, content, "bnr-num bnr-b", "middle", group);
  }

  // The gate can be held where there is a toolbar that has its number.
  get gamma() {
    return this.stage.data.toolbar?.knobs?.find((knob) => knob.term === "gamma");
  }

  spec(term, row) {
    const { g, ledger } = this;
    const zoom = Math.min(this.svg.clientWidth / g.w, this.svg.clientHeight / g.h) || 1;
    const r = ledger.rows.indexOf(row);
    const { gamma } = this;
    const perUnit = term === "dy" ? g.mouth : term === "a" ? 40 : 60; // pixels
    return {
      term,
      row: term === "gamma" ? 0 : row,
      label: term,
      upright: true,
      value: () => (term === "gamma" ? gamma.v : this.ledger.cells[term][r]),
      step: () => (term === "gamma" ? gamma.step : this.ledger.steps[term]),
      scale: () => 1,
      reach: () => perUnit * zoom,
      show: () => {},
    };
  }

  grab(event) {
    const cell = event.target.closest(".bnr-cell");
    if (cell?.dataset.sample) {
      this.stage.send({ kind: "sample", value: Number(cell.dataset.sample) });
      return;
    }
    if (cell) {
      this.stage.send({ kind: "view", neuron: Number(cell.dataset.j), input: Number(cell.dataset.p) });
      return;
    }
    const handle = event.target.closest("[data-hold]");
    if (!handle?.dataset.hold) return;
    const { hold, row } = handle.dataset;
    this.stage.point({ term: hold === "gamma" ? "dx_hat" : hold, r: this.ledger.rows.indexOf(Number(row)) });
    this.stage.hold.grab(event, this.svg, this.spec(hold, Number(row)));
    const escape = (key) => {
      if (key.key === "Escape") this.stage.hold.letGo();
    };
    document.addEventListener("keydown", escape);
    this.svg.addEventListener("lostpointercapture", () => document.removeEventListener("keydown", escape), { once: true });
  }

  // ---- What is pointed at --------------------------------------------------------

  look(event) {
    if (this.stage.hold.gesture || event.pointerType === "touch") return;
    const handle = event.target.closest("[data-hold]");
    if (handle?.dataset.hold) {
      this.stage.hold.rest(event, this.spec(handle.dataset.hold, Number(handle.dataset.row)));
    }
    const found = event.target.closest("[data-term], [data-strand], [data-sum], [data-pile], [data-hold]");
    if (!found) {
      if (this.pointed) this.stage.point(null);
      return;
    }
    const { term, strand, sum, pile, hold, row } = found.dataset;
    if (sum) this.stage.point({ sum });
    else if (row) {
      const name = term ?? strand ?? pile ?? (hold === "gamma" ? "dx_direct" : hold);
      this.stage.point({ term: name, r: this.ledger.rows.indexOf(Number(row)) });
    }
  }

  light(what) {
    this.pointed = what;
    for (const lit of this.svg.querySelectorAll(".bnr-lit")) lit.classList.remove("bnr-lit");
    if (!what || this.root.hidden || !this.ledger) return;
    const selector = what.sum
      ? `[data-sum="${what.sum}"]`
      : ["term", "strand", "pile"].map((kind) => `[data-${kind}="${what.term}"][data-row="${this.ledger.rows[what.r]}"]`).join(",");
    for (const element of this.svg.querySelectorAll(selector)) element.classList.add("bnr-lit");
  }

  // ---- Moving --------------------------------------------------------------------

  flow() {
    cancelAnimationFrame(this.frame);
    if (this.still.matches || !this.g) return;
    const start = performance.now();
    const tick = (now) => {
      if (!this.root.isConnected || this.stage.hold.gesture) {
        this.planes.moving.replaceChildren();
        return;
      }
      const share = Math.min(1, (now - start) / PASS_MS);
      this.chevrons(share);
      if (share < 1) this.frame = requestAnimationFrame(tick);
      else this.planes.moving.replaceChildren();
    };
    this.frame = requestAnimationFrame(tick);
  }

  // Their number goes with the thickness of the lane.
  chevrons(share) {
    const { g, planes } = this;
    const from = g.x.mouth - 14;
    const to = this.data.a ? g.x.turn + g.band.turn + 6 : g.x.end;
    const columns = ["dy", "dx_direct", "dx_via_var", "dx", "pill"].map((name) => g.x[name]);
    const { from: closed, to: open } = this.has.norm ? { from: 1, to: 0 } : this.inside;
    let d = "";
    let hatched = "";
    for (const lane of this.list) {
      const count = Math.round(3 + Math.abs(lane.v.dx_direct) * g.u * 0.5);
      for (let k = 0; k < count; k += 1) {
        const t = ((k + 0.5) / count + lane.y * 0.37 + share) % 1;
        const x = from - t * (from - to);
        const high = this.height(lane.v, x);
        if (Math.abs(high) < 6 || (x > closed && x < open) || columns.some((at) => Math.abs(x - at) < 32)) continue;
        const y = lane.y - high * (0.24 + 0.52 * ((k * 0.618 + lane.y * 0.3) % 1));
        const mark = `M${x + 3} ${y - 3}L${x} ${y}L${x + 3} ${y + 3}`;
        if (high > 0) d += mark;
        else hatched += mark;
      }
    }
    planes.moving.replaceChildren();
    draw("path", { d, class: "bnr-chevron" }, planes.moving);
    draw("path", { d: hatched, class: "bnr-chevron bnr-ink" }, planes.moving);
  }
}
