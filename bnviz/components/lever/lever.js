// The lever: a rod over the inputs that one weight and one bias can move, pushed at every
// sample's own place. It places what Python computed: pushes, arms, moments and the rod.

import { draw, make, setAttribute, setMath, setText } from "../bnviz.common/dom.js";
import { number, real, short } from "../bnviz.common/numbers.js";
import { Pen } from "../bnviz.river/pen.js";
import { hatch, isLight, smooth } from "../bnviz.river/shapes.js";

const TURN_MS = 450; // a step turns the rod, and does not jump
const NARROW = 760;
const GREY = "var(--bnr-sum)";

export class Lever {
  constructor(stage) {
    this.stage = stage;
    this.root = make("figure", "bnr bnv", stage.root);
    this.root.setAttribute("data-lever", "");
    this.place = make("div", "bnv-place", this.root);
    this.svg = draw("svg", { role: "img" }, this.place);
    this.pen = new Pen();
    this.handles = make("div", "bnv-handles", this.place);
    this.caption = make("figcaption", "bnv-caption", this.root);
    this.row = make("div", "bnv-row", this.root);
    this.controls = make("div", "bnv-controls", this.row);
    this.step = this.button("Take a step", "step", "bnv-first");
    this.flat = this.button("Back to flat", "flat");
    this.rate = this.knob();
    this.shift = this.button("Add 10 to every a", "shift");
    this.stepped = make("p", "bnv-stepped", this.row);
    this.stepped.setAttribute("aria-live", "polite");
    this.notes = make("div", "bnv-notes", this.root);
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    new ResizeObserver(() => this.draw()).observe(this.root);
  }

  button(text, kind, more = "") {
    const button = make("button", `bns-button ${more}`, this.controls, text);
    button.type = "button";
    button.onclick = () => this.stage.send({ kind });
    return button;
  }

  knob() {
    const box = make("div", "bnv-knob", this.controls);
    make("span", "bnt-knob-symbol", box, "rate");
    const shown = make("span", "bns-number", box);
    this.stage.hold.makeSlider(box, {
      term: "rate",
      row: 0,
      label: "rate of a step",
      value: () => this.data.rate,
      step: () => this.data.steps.rate,
      reach: () => 100,
      scale: () => 1,
      show: () => {},
      number: shown,
    });
    return { box, shown };
  }

  update({ lever, formulas, ledger }) {
    this.root.hidden = !lever;
    if (!lever) return;
    const before = this.data;
    this.data = lever;
    this.formulas = formulas;
    this.editable = lever.editable;
    setAttribute(this.root, "data-mark", lever.mark);
    setAttribute(this.root, "data-steps", lever.taken);
    setAttribute(this.root, "data-turn", lever.turn?.v ?? "");
    setAttribute(this.root, "data-lift", lever.lift?.v ?? "");
    this.drawControls();
    this.drawHandles();
    const same = before && before.slope === lever.slope && before.offset === lever.offset;
    const turned = before && !same && lever.taken !== before.taken;
    if (turned && !this.stage.hold.gesture && !this.still.matches) this.turn(before);
    else this.show(lever);
  }

  show({ slope, offset, moved }) {
    cancelAnimationFrame(this.frame);
    this.rod = { slope: real(slope), offset: real(offset), moved: moved.map(real) };
    this.draw();
  }

  // The rod goes from where it was to where it is.
  turn(before) {
    cancelAnimationFrame(this.frame);
    const start = performance.now();
    const { data } = this;
    const mix = (from, to, t) => real(from) + (real(to) - real(from)) * t;
    const tick = (now) => {
      if (this.data !== data) return;
      const t = smooth((now - start) / TURN_MS);
      this.rod = {
        slope: mix(before.slope, data.slope, t),
        offset: mix(before.offset, data.offset, t),
        moved: data.moved.map((to, i) => mix(before.moved[i] ?? to, to, t)),
      };
      this.draw();
      if (t < 1) this.frame = requestAnimationFrame(tick);
    };
    tick(start);
  }

  // ---- Below the picture ----------------------------------------------------------

  drawControls() {
    const { data } = this;
    // What a link leaves out is not there for a screen reader either.
    if (!this.editable.length || !data.turn) this.controls.remove();
    else if (!this.controls.isConnected) this.row.prepend(this.controls);
    this.step.disabled = data.taken >= data.most.steps;
    this.flat.disabled = !data.taken;
    if (!this.stage.hold.shows(this.rate.shown)) {
      const text = number(data.rate);
      setText(this.rate.shown, text);
      this.stage.hold.describe(this.rate.box, data.rate, text, null);
    }
    setText(this.stepped, data.said.stepped);
    setText(this.caption, data.said.caption);
    const { notes } = data.said;
    while (this.notes.children.length > notes.length) this.notes.lastChild.remove();
    notes.forEach((note, i) => setText(this.notes.children[i] ?? make("p", "", this.notes), note));
  }

  // What is held is HTML over the picture, so that it has a place in the order of the keys.
  drawHandles() {
    const { data } = this;
    const shape = JSON.stringify([data.rows, this.editable, data.names]);
    if (shape === this.shape) return;
    this.shape = shape;
    this.handles.replaceChildren();
    this.grips = [];
    const grip = (term, row, r, label, spec) => {
      const element = make("div", `bnv-grip bnv-${term}`, this.handles);
      element.setAttribute("data-grip", term);
      element.setAttribute("data-row", row);
      this.stage.hold.makeSlider(element, { term, row, label, show: () => {}, scale: () => 1, ...spec });
      this.grips.push({ element, term, r });
    };
    data.rows.forEach((row, r) => {
      const at = (term) => () => this.data[term][r];
      const step = (term) => () => this.data.steps[term];
      if (this.editable.includes("a")) {
        grip("a", row, r, data.names.a[r], { value: at("a"), step: step("a"), reach: () => this.g.px });
      }
      if (this.editable.includes("dy")) {
        // A push is −∂L/∂x: it goes up as ∂L/∂y goes down, by the gate as much.
        const reach = () => -(real(this.data.gate) || 1) * this.g.u;
        grip("dy", row, r, data.names.dy[r], { value: at("dy"), step: step("dy"), reach, upright: true });
      }
    });
    if (this.editable.length) {
      grip("mark", 0, 0, "mark from which arms are measured", {
        value: () => this.data.mark, step: () => this.data.steps.mark, reach: () => this.g.px,
      });
    }
  }

  // ---- Where things are -------------------------------------------------------------

  layout(width) {
    const { data } = this;
    const narrow = width < NARROW;
    const a = data.a.map(real);
    const [low, high] = [Math.min(...a, data.mark, 0), Math.max(...a, data.mark, 0)];
    const reach = high - low || 1;
    // Zero is on the axis where that leaves room to see the inputs apart.
    const near = Math.max(...a) - Math.min(...a) || 1;
    const [from, to] = reach < 6 * near
      ? [low, high] : [Math.min(...a, data.mark), Math.max(...a, data.mark)];
    const span = to - from || 1;
    const w = width;
    const left = narrow ? 14 : 24;
    const right = narrow ? w - 14 : Math.round(w * (data.turn ? 0.64 : 0.98));
    const room = narrow ? 116 : 148;
    const zero = narrow ? 138 : 174;
    const rod = data.moved.map((_, i) => this.rod.moved[i]);
    const pushes = data.pushes.map(real);
    const most = Math.max(...pushes.map((p, i) => Math.max(Math.abs(p + rod[i]), Math.abs(rod[i]))));
    const stacks = [data.lift, data.turn].filter(Boolean).flatMap(({ up, down }) => [real(up), -real(down)]);
    const tall = narrow ? 60 : 88;
    const px = (right - left - 40) / (span * 1.06);
    const axis = zero + room + (narrow ? 34 : 38);
    return {
      w, narrow, left, right, zero, axis, room, tall,
      h: narrow ? axis + (data.turn ? 340 : 60) : Math.max(axis + 64, 424),
      u: most > 0 && Number.isFinite(most) ? room / most : 1,
      us: tall / (Math.max(...stacks) || 1),
      px,
      x: (value) => left + 20 + (value - from + span * 0.03) * px,
    };
  }

  draw() {
    const width = this.root.clientWidth;
    if (!this.data || !width || this.root.hidden) return;
    const held = this.stage.hold.gesture && this.g?.w === width;
    if (!held) this.g = this.layout(width); // the scale stands while a hand holds something
    const { svg, g, data } = this;
    setAttribute(svg, "viewBox", `0 0 ${g.w} ${g.h}`);
    setAttribute(svg, "width", g.w);
    setAttribute(svg, "height", g.h);
    setAttribute(svg, "aria-label", data.alt);
    const shape = JSON.stringify([width, data.colors, this.formulas?.lift, !data.turn]);
    if (shape !== this.drawn) {
      this.drawn = shape;
      svg.replaceChildren();
      this.defs = draw("defs", {}, svg);
      this.body = draw("g", {}, svg);
      this.heads = draw("g", {}, svg);
      hatch(this.defs, "bnv-rest", GREY);
      data.colors.forEach((color, r) => hatch(this.defs, `bnv-${r}`, color));
      this.drawHeads();
    }
    this.pen.begin(this.body);
    this.drawAxis();
    this.drawRod();
    if (data.turn) {
      this.drawStack("lift", data.lift);
      this.drawStack("turn", data.turn);
    }
    this.pen.end();
    for (const { element, term, r } of this.grips) this.placeGrip(element, term, r);
  }

  placeGrip(element, term, r) {
    const { g, data } = this;
    const [x, y] = term === "mark"
      ? [g.x(data.mark), g.axis - 12]
      : term === "a" ? [this.dots[r].x, this.dots[r].y] : [this.dots[r].x, this.dots[r].tip];
    element.style.left = `${x}px`;
    element.style.top = `${y}px`;
    const value = term === "mark" ? data.mark : real(data[term][r]);
    const said = term === "dy"
      ? `${number(value, true)}, a push of ${number(data.pushes[r], true, data.places.push)}`
      : number(value, true);
    this.stage.hold.describe(element, value, said, null);
  }

  text(x, y, content, cls, anchor = "middle") {
    return this.pen.draw("text", { x, y, class: cls, "text-anchor": anchor }, this.body, content);
  }

  math(name, x, y, anchor, cls = "") {
    const wide = 260;
    const left = x - { start: 0, middle: wide / 2, end: wide }[anchor];
    const box = draw("foreignObject", { x: left, y: y - 25, width: wide, height: 50, class: "bnr-box" }, this.heads);
    const place = make("div", `bnr-formula bnr-tight bnr-${anchor} ${cls}`, box);
    setMath(place, this.formulas[name]);
    return place;
  }

  // ---- The rod ----------------------------------------------------------------------

  drawHeads() {
    const { g } = this;
    this.math("a", g.right + (g.narrow ? -8 : 6), g.axis + (g.narrow ? 22 : 0), g.narrow ? "end" : "start");
    this.plates = {};
    for (const name of this.data.turn ? ["lift", "turn"] : []) {
      const { card } = this.at(name);
      this.plates[name] = this.math(name, card.x + card.w / 2, card.y + 54, "middle");
    }
  }

  drawAxis() {
    const { g, data, pen, body } = this;
    pen.draw("line", { x1: g.left, x2: g.right, y1: g.axis, y2: g.axis, class: "bnv-axis" }, body);
    const tick = (value, content) => {
      const x = g.x(value);
      if (x < g.left || x > g.right) return;
      pen.draw("line", { x1: x, x2: x, y1: g.axis, y2: g.axis + 5, class: "bnv-axis" }, body);
      this.text(x, g.axis + 19, content, "bnr-small bnr-quiet");
    };
    const step = 10 ** Math.floor(Math.log10((g.right - g.left) / g.px / 2)) || 1;
    const first = Math.ceil((g.left - g.x(0)) / g.px / step);
    const last = Math.floor((g.right - g.x(0)) / g.px / step);
    const every = Math.max(1, Math.ceil((last - first) / (g.narrow ? 4 : 8)));
    for (let i = first; i <= last; i += 1) if (i % every === 0) tick(i * step, short(i * step));
    // Arms: from the mark to each sample's own place.
    const mark = g.x(data.mark);
    data.a.forEach((a, r) => {
      const y = g.axis + 29 + r * Math.min(5, 34 / data.a.length);
      pen.draw("line", { x1: mark, x2: g.x(real(a)), y1: y, y2: y, stroke: data.colors[r], class: "bnv-arm" }, body);
    });
    pen.draw("line", { x1: mark, x2: mark, y1: g.zero, y2: g.axis - 20, class: "bnv-plumb" }, body);
    pen.draw("path", { d: `M${mark - 10} ${g.axis - 20}h20l-10 17Z`, class: "bnv-mark" }, body);
    if (g.narrow) return;
    // In one line on the side with more room, or in two.
    const end = mark > (g.left + g.right) / 2;
    const room = end ? mark - 16 : g.right - mark - 16;
    const lines = data.said.mark.length * 6.4 < room ? [data.said.mark] : data.said.mark.split(/(?<=: )/);
    lines.forEach((line, i) => {
      const y = g.axis - 10 - 15 * (lines.length - 1 - i);
      this.text(mark + (end ? -16 : 16), y, line.trim(), "bnr-small bnr-quiet bnr-halo", end ? "end" : "start");
    });
  }

  drawRod() {
    const { g, data, pen, body, rod } = this;
    const y = (value) => g.zero - value * g.u;
    const [from, to] = [g.left, g.right].map((x) => ((x - g.x(0)) / g.px) * rod.slope + rod.offset);
    pen.draw("line", { x1: g.left, x2: g.right, y1: g.zero, y2: g.zero, class: "bnv-before" }, body);
    this.ahead = this.next();
    const places = this.apart(data.a.map((a) => g.x(real(a))));
    this.dots = data.a.map((a, r) => {
      const at = rod.moved[r] + ((places[r] - g.x(real(a))) / g.px) * rod.slope;
      const push = real(data.pushes[r]);
      return { r, x: places[r], y: y(at), push, tip: y(at + push), color: data.colors[r] };
    });
    this.drawNext();
    this.drawBefore();
    pen.draw("line", { x1: g.left, x2: g.right, y1: y(from), y2: y(to), class: "bnv-rod" }, body);
    for (const dot of this.dots) this.drawPush(dot);
    const labels = [];
    for (const { r, x, y: top, push, tip, color } of [...this.dots].sort((p, q) => p.x - q.x)) {
      const group = pen.draw("g", { "data-dot": data.rows[r], "data-value": data.a[r] }, body);
      pen.draw("circle", { cx: x, cy: top, r: 12, fill: color, class: "bnv-dot" }, group);
      const dark = isLight(color);
      pen.draw("text", { x, y: top + 4.6, class: dark ? "bnr-in bnr-dark" : "bnr-in", "text-anchor": "middle" }, group, String(data.rows[r] + 1));
      const way = push < 0 ? 1 : -1;
      let at = tip + way * (Math.abs(tip - top) < 18 ? 28 - Math.abs(tip - top) : 10) + (way > 0 ? 12 : 0);
      while (labels.some((other) => Math.abs(other.x - x) < 46 && Math.abs(other.at - at) < 15)) at += way * 15;
      labels.push({ x, at });
      this.text(x, at, number(push, true, data.places.push), "bnr-num bnr-b bnr-halo");
    }
  }

  // Samples at one place stand side by side, so that each push is seen.
  apart(places) {
    const { g, data } = this;
    const gesture = this.stage.hold.gesture?.spec;
    const held = gesture?.term === "a" ? data.rows.indexOf(gesture.row) : -1; // it goes with the hand
    const order = places.map((x, r) => [x, r]).sort((p, q) => p[0] - q[0] || p[1] - q[1]);
    const groups = [];
    for (const [x, r] of order) {
      const last = groups.at(-1);
      if (r === held) continue;
      if (last && x - last.x < 4) last.rows.push(r);
      else groups.push({ x, rows: [r] });
    }
    const found = [...places];
    for (const { x, rows } of groups) {
      if (rows.length < 2) continue;
      const wide = Math.min(g.narrow ? 26 : 38, (g.right - g.left) / rows.length);
      const first = Math.min(Math.max(x - (wide * (rows.length - 1)) / 2, g.left + 13), g.right - 13 - wide * (rows.length - 1));
      rows.forEach((r, i) => { found[r] = first + i * wide; });
    }
    return found;
  }

  // On the flat rod: how a step would turn it, as far as the picture is high.
  next() {
    const { g, data } = this;
    if (data.taken || !data.said.turn?.alive) return null;
    const [slope, offset] = data.next.map(real);
    const at = (x) => g.zero - (((x - g.x(0)) / g.px) * slope + offset) * g.u;
    const rise = (at(g.right) - at(g.left)) / (g.right - g.left);
    if (!rise || !Number.isFinite(rise)) return null;
    const end = (x) => {
      const y = Math.min(Math.max(at(x), g.zero - g.room - 20), g.zero + g.room);
      return [x + (y - at(x)) / rise, y];
    };
    return { at, from: end(g.left), to: end(g.right) };
  }

  drawNext() {
    const { g, pen, body, ahead } = this;
    if (!ahead) return;
    const [[x1, y1], [x2, y2]] = [ahead.from, ahead.to];
    pen.draw("line", { x1, y1, x2, y2, class: "bnv-next" }, body);
    if (g.narrow || Math.abs(y2 - g.zero) < 6) return;
    ["after", "a step"].forEach((word, i) => this.text(x2 + 7, y2 + 15 * i, word, "bnr-small bnr-quiet bnr-halo", "start"));
  }

  // What the grey line is, where there is room for it.
  drawBefore() {
    const { g, data, rod } = this;
    if (data.taken) {
      const above = rod.slope * (g.left - g.x(0)) / g.px + rod.offset > 0;
      this.text(g.left, g.zero + (above ? 18 : -11), "before", "bnr-small bnr-quiet bnr-halo", "start");
      return;
    }
    const places = [g.left, ...this.dots.map(({ x }) => x).sort((p, q) => p - q), g.right];
    const said = "flat: no x has moved";
    const half = said.length * 3.2 + 5;
    // Where it keeps clear of the pushes and of what a step would do.
    const gaps = places.slice(1).map((x, i) => [x - places[i], (x + places[i]) / 2]).sort((p, q) => q[0] - p[0]);
    for (const [room, x] of gaps) {
      const ahead = [x - half, x + half].map((end) => (this.ahead ? this.ahead.at(end) - g.zero : 0));
      if (room < 2 * half + 30) return;
      if (ahead[0] * ahead[1] < 0) continue;
      this.text(x, g.zero + (ahead[0] < 0 ? 20 : -11), said, "bnr-small bnr-quiet bnr-halo");
      return;
    }
  }

  drawPush({ r, x, y, push, tip, color }) {
    const { data, pen, body } = this;
    const group = pen.draw("g", { "data-push": data.rows[r], "data-value": data.pushes[r] }, body);
    const way = push < 0 ? 1 : -1;
    const head = Math.min(10, Math.abs(tip - y));
    const fill = push < 0 ? `url(#bnv-${r})` : color;
    const shaft = Math.max(0, Math.abs(tip - y) - head);
    pen.draw("rect", { x: x - 5, y: Math.min(y, y + way * shaft), width: 10, height: shaft, fill, stroke: color, "stroke-width": 1 }, group);
    pen.draw("path", { d: `M${x - 11} ${tip - way * head}L${x} ${tip}L${x + 11} ${tip - way * head}Z`, fill: color }, group);
  }

  // ---- The two stacks ---------------------------------------------------------------

  at(name) {
    const { g } = this;
    const second = name === "turn";
    if (g.narrow) {
      const half = g.w / 2;
      const x = second ? half + 8 : 0;
      const base = g.axis + 168;
      return { x: x + 34, wide: 40, base, title: { x, y: base - g.tall - 14 }, card: { x, y: base + g.tall + 14, w: half - 8 } };
    }
    const x = g.right + 56;
    const base = second ? 322 : 110;
    const left = x + 120;
    return { x, wide: 54, base, title: { x: left, y: base - 46 }, card: { x: left, y: base - 30, w: g.w - left } };
  }

  drawStack(name, stack) {
    const { g, data, pen, body } = this;
    const { x, wide, base, title, card } = this.at(name);
    const turned = name === "turn";
    this.text(title.x, title.y, turned ? (card.w < 210 ? "push × arm, added" : "each push × its arm, added") : "the pushes, added", "bnr-say", "start");
    let up = base;
    let down = base;
    stack.blocks.map(real).forEach((value, r) => {
      if (!value) return;
      const high = Math.abs(value) * g.us;
      const y = value > 0 ? (up -= high) : (down += high) - high;
      const color = data.colors[r] ?? GREY;
      const group = pen.draw("g", { [turned ? "data-moment" : "data-part"]: data.rows[r] ?? "", "data-value": value }, body);
      pen.draw("rect", { x, y, width: wide, height: high, class: "bnr-paper" }, group);
      const fill = value > 0 ? color : `url(#${data.colors[r] ? `bnv-${r}` : "bnv-rest"})`;
      pen.draw("rect", { x, y, width: wide, height: high, fill, stroke: value > 0 ? "var(--bnr-paper)" : color, "stroke-width": 1 }, group);
      if (high < 13) return;
      const dark = value < 0 ? " bnr-halo" : isLight(color) ? " bnr-dark" : "";
      pen.draw("text", { x: x + wide / 2, y: y + high / 2 + 4.6, class: `bnr-in${dark}`, "text-anchor": "middle" }, group, data.rows[r] === undefined ? "others" : String(data.rows[r] + 1));
    });
    pen.draw("line", { x1: x - 14, x2: x + wide + 14, y1: base, y2: base, class: "bnr-base" }, body);
    const places = data.places[turned ? "moment" : "push"];
    if (real(stack.up)) this.text(x + wide + 8, base - 7, number(stack.up, true, places), "bnr-num bnr-quiet", "start");
    if (real(stack.down)) this.text(x + wide + 8, base + 18, number(stack.down, true, places), "bnr-num bnr-quiet", "start");
    const said = data.said[name];
    const kind = turned ? (said.alive ? "bnr-alive" : "bnr-dead") : said.zero ? "bnr-dead" : "bnr-alive";
    pen.draw("rect", { x: card.x, y: card.y, width: card.w, height: 33, rx: 8, class: `bnr-plate ${kind}` }, body);
    this.text(card.x + card.w / 2, card.y + 22, said.claim, `bnr-card bnr-b ${kind}-text`);
    this.text(card.x + card.w / 2, card.y + 92, said.why, "bnr-small");
    if (turned) setMath(this.plates.turn, this.formulas[data.mark ? "turn_at" : "turn"]);
  }
}
