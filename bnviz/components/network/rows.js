// The four rows over one axis of layers: the river, the ledger of flow, the weights, and when.

import { draw, make, setAttribute, setText } from "../bnviz.common/dom.js";

const RIVER = 214;
const LEDGER = 100;
const WEIGHTS = 116;
const SIGMA = 18; // px that the largest σ is high
const WHEN = 130;
const BASE = 30; // px that the river is thick where it is ×1
const DOUBLING = 14.4;
const HUNDRED = 30; // px of the ledger
const RAMPS = {
  light: [[218, 232, 247], [92, 160, 216], [15, 91, 158], [8, 36, 70]],
  dark: [[30, 62, 96], [44, 110, 166], [96, 180, 238], [226, 243, 255]],
};

export const isDark = (element) => {
  const paper = getComputedStyle(element).getPropertyValue("--paper");
  const probe = make("i", "", element);
  probe.style.color = paper;
  const [red] = getComputedStyle(probe).color.match(/[\d.]+/g) ?? ["255"]; // none while off the page
  probe.remove();
  return Number(red) < 128;
};

const mix = (ramp, share) => {
  const at = Math.max(0, Math.min(0.9999, share)) * (ramp.length - 1);
  const low = ramp[Math.floor(at)];
  const high = ramp[Math.floor(at) + 1];
  return `rgb(${low.map((v, n) => Math.round(v + (high[n] - v) * (at % 1))).join(" ")})`;
};

const bar = (x, y, wide, tall) => `M${x.toFixed(1)},${y.toFixed(2)} h${wide.toFixed(2)} v${tall.toFixed(2)} h${(-wide).toFixed(2)}Z `;

export class Rows {
  constructor(box, owner) {
    this.box = box;
    this.owner = owner;
    this.column = make("div", "bnt-column", box);
    this.river = this.row("", RIVER, "river");
    this.ledgerTitle = make("h2", "", box, "Where it is lost, where it grows");
    this.ledger = this.row("", LEDGER, "ledger");
    const head = make("div", "bnt-head", box);
    this.weightsTitle = make("h2", "", head, "The weights, a needle a layer");
    this.give = make("div", "bnt-give", head);
    make("span", "", this.give, "give back the first");
    this.buttons = ["directions", "lengths"].map((what) => {
      const button = make("button", "bnt-button", this.give);
      button.type = "button";
      make("span", "", button, what);
      make("b", "", button);
      button.onclick = () => owner.send({ kind: "give", what: button.getAttribute("aria-pressed") === "true" ? "none" : what });
      return [what, button];
    });
    this.weights = this.row("", WEIGHTS, "weights");
    make("h2", "", box, "When: the river from above, a row a step; drag the line");
    this.when = make("div", "bnt-when", box);
    this.canvas = make("canvas", "", this.when);
    this.canvas.setAttribute("aria-hidden", "true"); // the slider says it
    this.labels = make("div", "", this.when);
    this.line = make("div", "bnt-line", this.when);
    this.pill = make("span", "bnt-pill", this.line);
    const at = (event) => {
      const { top } = this.canvas.getBoundingClientRect();
      owner.scrub(this.indexAt(event.clientY - top));
    };
    this.when.onpointerdown = (event) => {
      this.when.setPointerCapture(event.pointerId);
      this.held = true;
      at(event);
    };
    this.when.onpointermove = (event) => this.held && at(event);
    this.when.onpointerup = this.when.onpointercancel = () => {
      if (this.held) owner.settle();
      this.held = false;
    };
    const defs = draw("defs", {}, this.river);
    this.clip = draw("path", {}, draw("clipPath", { id: "bnt-clip" }, defs));
    this.gradient = draw("linearGradient", { id: "bnt-ramp", x1: 0, x2: 1 }, defs);
    this.body = draw("path", { class: "bnt-body-of", fill: "url(#bnt-ramp)" }, this.river);
    this.lines = draw("g", { "clip-path": "url(#bnt-clip)", class: "bnt-doublings" }, this.river);
    this.ghost = draw("path", { class: "bnt-ghost" }, this.river);
    this.given = draw("path", { class: "bnt-given" }, this.river);
    this.theory = ["bnt-theory-under", "bnt-theory"].map((name) => draw("path", { class: name }, this.river));
    this.marks = draw("g", {}, this.river);
    const pattern = draw("pattern", { id: "bnt-hatch", width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, draw("defs", {}, this.ledger));
    draw("rect", { width: 2, height: 5, class: "bnt-hatch" }, pattern);
  }

  row(title, height, name) {
    const svg = draw("svg", { height, role: "img", class: `bnt-${name}` }, this.box);
    svg.onclick = (event) => {
      const { left } = svg.getBoundingClientRect();
      this.owner.choose(Math.floor((event.clientX - left - this.left) / this.pitch));
    };
    return svg;
  }

  // ---- Where things are ----

  measure() {
    const { depth } = this.owner.data.still;
    this.width = this.box.clientWidth;
    const narrow = this.width < 560;
    this.left = narrow ? 34 : 72;
    this.right = narrow ? 46 : 66;
    this.pitch = (this.width - this.left - this.right) / depth;
    this.narrow = narrow;
    const largest = (name) => Math.max(...this.owner.frames.map((frame) => Math.max(...this.values(frame, name))));
    this.most = Math.max(1, largest("doublings"));
    this.unit = Math.min(DOUBLING, (RIVER - 18 - BASE) / this.most);
    this.longest = largest("length");
    this.widest = largest("sigma");
  }

  x(layer) {
    return this.left + (layer + 0.5) * this.pitch;
  }

  thick(doublings) {
    return doublings >= 0 ? BASE + this.unit * doublings : Math.max(1.5, BASE + 2.4 * doublings);
  }

  y(step) {
    return (Math.log1p(step) / Math.log1p(Math.max(1, this.owner.data.last))) * (WHEN - 8) + 4;
  }

  indexAt(y) {
    const { frames } = this.owner;
    let best = 0;
    frames.forEach((frame, n) => {
      if (Math.abs(this.y(frame.step) - y) < Math.abs(this.y(frames[best].step) - y)) best = n;
    });
    return best;
  }

  outline(doublings, closed = true) {
    const middle = RIVER / 2;
    const side = (sign) => {
      const points = [[this.left, 0], ...doublings.map((_, l) => [this.x(l), l]), [this.width - this.right + 40, doublings.length - 1]];
      if (this.narrow) points[points.length - 1][0] = this.width - this.right;
      return points.map(([x, layer]) => [x, middle + (sign * this.thick(doublings[layer])) / 2]);
    };
    const path = (points) => points.map(([x, y], n) => {
      if (!n) return `${x.toFixed(1)},${y.toFixed(2)}`;
      const half = ((points[n - 1][0] + x) / 2).toFixed(1);
      return `C${half},${points[n - 1][1].toFixed(2)} ${half},${y.toFixed(2)} ${x.toFixed(1)},${y.toFixed(2)}`;
    }).join(" ");
    const top = side(-1);
    const bottom = side(1);
    return closed ? `M${path(top)} L${path(bottom.reverse())}Z` : `M${path(top)} M${path(bottom)}`;
  }

  // Both edges of a river that begins at the near layer.
  edges(doublings) {
    const first = this.owner.data.still.depth - doublings.length;
    const side = (sign) => doublings.map((d, n) => `${this.x(first + n).toFixed(1)},${(RIVER / 2 + (sign * this.thick(d)) / 2).toFixed(2)}`).join(" L");
    return `M${side(-1)} M${side(1)}`;
  }

  values(frame, name) {
    return Array.from({ length: this.owner.data.still.depth }, (_, l) => this.owner.cell(frame, l, name));
  }

  // ---- Drawing ----

  draw(frame, settled) {
    if (settled) {
      this.measure();
      this.ramp = RAMPS[isDark(this.box) ? "dark" : "light"];
      for (const svg of [this.river, this.ledger, this.weights]) setAttribute(svg, "width", this.width);
    }
    const { layer } = this.owner;
    this.column.style.left = `${this.left + layer * this.pitch}px`;
    this.column.style.width = `${this.pitch}px`;
    this.drawRiver(frame);
    this.drawLedger(frame);
    this.drawWeights(frame);
    if (settled) this.drawWhen();
    this.line.style.top = `${this.y(frame.step)}px`;
    for (const label of this.labels.children) {
      const under = label.className === "bnt-left" && Math.abs(parseFloat(label.style.top) - this.y(frame.step)) < 17;
      label.style.visibility = under ? "hidden" : "";
    }
    setText(this.pill, this.narrow ? String(frame.step) : `step ${frame.step}`);
  }

  drawRiver(frame) {
    const { data, frames } = this.owner;
    const { depth, near } = data.still;
    const doublings = this.values(frame, "doublings");
    const middle = RIVER / 2;
    const path = this.outline(doublings);
    this.body.setAttribute("d", path);
    this.clip.setAttribute("d", path);
    this.river.setAttribute("aria-label", frame.words.claim);
    const stops = doublings.map((d, l) => [(l + 0.5) / depth, mix(this.ramp, (d + 1) / (this.most + 1))]);
    while (this.gradient.childNodes.length > depth) this.gradient.lastChild.remove();
    stops.forEach(([offset, color], l) => {
      const stop = this.gradient.childNodes[l] ?? draw("stop", {}, this.gradient);
      stop.setAttribute("offset", offset);
      stop.setAttribute("stop-color", color);
    });
    let lines = "";
    for (let k = 0; k <= Math.min(40, this.most); k += 1) {
      const half = this.thick(k) / 2;
      for (const y of [middle - half, middle + half]) lines += `M${this.left},${y.toFixed(2)} H${this.width} `;
    }
    this.path(this.lines, "doubling").setAttribute("d", lines);
    this.ghost.setAttribute("d", frame.step ? this.outline(this.values(frames[0], "doublings"), false) : "M0,0");
    const given = data.given?.at === frame.step ? data.given : null;
    this.given.setAttribute("d", given?.doublings ? this.outline(given.doublings, false) : "M0,0");
    const { theory } = frame.words;
    this.theory.forEach((line) => line.setAttribute("d", theory ? this.edges(theory.doublings) : "M0,0"));
    const marks = this.marks;
    marks.replaceChildren();
    const text = (x, y, words, cls = "", anchor = "start") => draw("text", { x, y, class: cls, "text-anchor": anchor }, marks, words);
    // The scale: every third doubling has its number.
    for (let k = 0; k <= this.most; k += this.unit < 6 ? 6 : 3) {
      const y = middle - this.thick(k) / 2;
      draw("line", { x1: this.left - 6, x2: this.left, y1: y, y2: y, class: "bnt-tick" }, marks);
      if (!this.narrow || k % 6 === 0) text(this.left - 9, y + 4, `×${2 ** k}`, "bnt-quiet", "end");
    }
    const end = this.width - (this.narrow ? 4 : 0);
    text(end, 14, this.narrow ? "from the loss ←" : "FROM THE LOSS ←", "bnt-caps", "end");
    const last = middle - BASE / 2 - 8;
    if (!this.narrow) text(end, last, `×1 at layer ${depth}`, "bnt-strong", "end");
    if (!this.narrow) text(end, middle + BASE / 2 + 18, frame.words.last, "bnt-quiet", "end");
    for (const share of this.narrow ? [0.78, 0.92] : [0.5, 0.63, 0.76, 0.89]) {
      const x = this.left + share * (this.width - this.left - this.right);
      draw("path", { d: `M${x + 4},${middle - 6} l-6,6 l6,6`, class: "bnt-way" }, marks);
    }
    if (depth > 1) {
      const half = this.thick(doublings[near]) / 2;
      const inside = doublings[near] > 4;
      const x = this.x(near);
      draw("circle", { cx: x, cy: middle + half, r: 4, class: "bnt-dot" }, marks);
      const words = `${frame.words.ratio} at layer ${near + 1}, this batch`;
      if (inside) text(x + 12, middle + 6, words, "bnt-in");
      else {
        draw("line", { x1: x, x2: x, y1: middle + half, y2: middle + half + 16, class: "bnt-tick" }, marks);
        text(x - 4, middle + half + 33, words, "bnt-large");
      }
    }
    if (!this.narrow && this.most > 3) {
      const l = Math.floor(depth * 0.36);
      const above = middle - this.thick(this.owner.cell(frames[0], l, "doublings")) / 2 - 8;
      if (frame.step) text(this.x(l), above, "dotted: before the first step", "bnt-quiet");
    }
    if (theory && !this.narrow) text(this.x(depth * 0.28), RIVER - 4, theory.said, "bnt-named");
    if (given?.doublings && !this.narrow) text(this.x(depth * 0.36), RIVER - 4, `dashed: with the first ${given.what} back`, "bnt-named");
    if (!this.narrow && this.most > 1) text(this.width - this.right, RIVER - 4, "each line outward: twice the size", "bnt-quiet", "end");
    if (this.narrow) {
      const words = given?.doublings ? `dashed: first ${given.what} back` : frame.step ? "dotted: before the first step" : theory?.short;
      text(this.width, RIVER - 4, words ?? "", given?.doublings || theory ? "bnt-named" : "bnt-quiet", "end");
    }
    if (!this.narrow && depth > 4) this.inset(doublings, marks, text);
    const every = this.narrow ? 10 : 5;
    const { layer } = this.owner;
    for (let l = 0; l < depth; l += 1) {
      const named = l === layer || l === near || (l + 1) % every === 0;
      if (named && (l === layer || Math.abs(l - layer) > 1)) {
        text(this.x(l), RIVER + 16, String(l + 1), l === layer ? "bnt-strong" : "bnt-quiet", "middle");
      }
    }
    if (!this.narrow) text(this.left - 9, RIVER + 16, "layer", "bnt-quiet", "end");
  }

  // The same at true width, on the scale of the run's thickest place.
  inset(doublings, marks, text) {
    const x0 = this.left + 0.52 * (this.width - this.left - this.right);
    const wide = 170;
    const points = doublings.map((d, l) => [x0 + (l / doublings.length) * wide, Math.max(0.4, 17 * 2 ** (d - this.most))]);
    const at = ([x, half], sign) => `${x.toFixed(1)},${(20 + sign * half).toFixed(2)}`;
    const shape = [...points.map((p) => at(p, -1)), ...points.reverse().map((p) => at(p, 1))].join(" ");
    draw("polygon", { points: shape, class: "bnt-true" }, marks);
    text(x0 + wide + 8, 24, "at true width", "bnt-quiet");
  }

  // What stands in a row is a path for each kind: at a step that is scrubbed to, few things change.
  path(svg, name) {
    let found = svg.querySelector(`:scope > .bnt-${name}`);
    found ??= draw("path", { class: `bnt-${name}` }, svg);
    return found;
  }

  words(svg, list) {
    while (svg.lastChild?.localName === "text") svg.lastChild.remove();
    const x = this.narrow ? this.width : this.left - 9;
    for (const [y, text] of list) draw("text", { x, y, class: "bnt-quiet", "text-anchor": "end" }, svg, text);
  }

  drawLedger(frame) {
    const svg = this.ledger;
    const { depth } = this.owner.data.still;
    setText(this.ledgerTitle, frame.words.ledger);
    setAttribute(svg, "aria-label", "Of 100 that arrive at each layer, in squares: what is lost and what comes back");
    const base = 66;
    const room = 56;
    const wide = Math.min(26, this.pitch * 0.68);
    const scale = HUNDRED / 100;
    const paths = { rule: `M${this.left - 6},${base} H${this.width - this.right}`, back: "", stopped: "", one: "", hat: "", caret: "", net: "" };
    for (let l = 0; l < depth; l += 1) {
      const x = this.x(l) - wide / 2;
      const back = this.owner.cell(frame, l, "back") * scale;
      if (back > 0) paths.back += bar(x, base, wide, -Math.min(back, room));
      if (back > room) paths.caret += `M${x + wide / 2 - 5},6 l5,-4 l5,4 `;
      let y = base;
      for (const name of ["stopped", "one", "hat"]) {
        const height = this.owner.cell(frame, l, name) * scale;
        if (height > 0.05) paths[name] += bar(x, y, wide, height);
        y += height;
      }
      const net = (this.owner.cell(frame, l, "handed") - 100) * scale;
      if (net < room) paths.net += `M${x},${base - net} h${wide} `;
    }
    for (const [name, d] of Object.entries(paths)) this.path(svg, name).setAttribute("d", d);
    const said = [[base - 24, "gained"], [base + 20, "lost"]];
    if (paths.caret) said.push([10, "off scale"]);
    this.words(svg, said);
  }

  drawWeights(frame) {
    const { still, given, alone, gives } = this.owner.data;
    const svg = this.weights;
    setAttribute(svg, "aria-label", "The weights of each layer: how long, how far turned, the effective rate, and σ");
    setText(this.weightsTitle, frame.step ? "The weights: length |W|, lean how far they have turned" : "The weights, a needle a layer: not yet moved");
    this.give.hidden = !frame.step || still.depth < 2 || Boolean(alone && gives[0]?.at !== frame.step);
    for (const [what, button] of this.buttons) {
      const here = given?.at === frame.step;
      setText(button.lastChild, here ? given.told[what] : "");
      button.setAttribute("aria-pressed", String(here && given.what === what));
    }
    const base = 66;
    const zero = WEIGHTS - 6;
    const wide = Math.min(20, this.pitch * 0.62);
    const sized = still.normed && frame.step > 0;
    const across = (y) => `M${this.left - 6},${y} H${this.width - this.right} `;
    const paths = { rule: across(base) + (sized ? across(zero) : ""), before: "", track: "", pace: "", sigma: "" };
    const first = this.owner.frames[0];
    for (let l = 0; l < still.depth; l += 1) {
      const x = this.x(l);
      if (frame.step) paths.before += `M${x},${base} v${(-60 * this.owner.cell(first, l, "length")) / this.longest} `;
      paths.track += bar(x - wide / 2, base + 7, wide, 8);
      paths.pace += bar(x - wide / 2, base + 7, wide * Math.min(1, this.owner.cell(frame, l, "pace")), 8);
      if (sized) paths.sigma += bar(x - wide / 2, zero, wide, (-SIGMA * this.owner.cell(frame, l, "sigma")) / this.widest);
    }
    for (const [name, d] of Object.entries(paths)) this.path(svg, name).setAttribute("d", d);
    this.needles ??= draw("g", {}, svg);
    while (this.needles.childNodes.length > still.depth) this.needles.lastChild.remove();
    while (this.needles.childNodes.length < still.depth) {
      const needle = draw("g", {}, this.needles);
      draw("line", { class: "bnt-needle" }, needle);
      draw("circle", { class: "bnt-dot" }, needle);
    }
    this.needles.childNodes.forEach((needle, l) => {
      const tall = (60 * this.owner.cell(frame, l, "length")) / this.longest;
      const turn = this.owner.cell(frame, l, "turn");
      needle.setAttribute("transform", `translate(${this.x(l).toFixed(2)} ${base}) rotate(${-turn.toFixed(2)})`);
      needle.firstChild.setAttribute("y2", (-tall).toFixed(2));
      setAttribute(needle.lastChild, "r", Math.min(3.2, this.pitch * 0.2));
    });
    this.words(svg, sized ? [[base + 16, "η/|W|²"], [zero + 3, "σ"]] : [[base + 16, "η/|W|²"]]);
  }

  drawWhen() {
    const { frames, data } = this.owner;
    const { depth } = data.still;
    const wide = this.width - this.left - this.right;
    const dense = devicePixelRatio || 1;
    this.canvas.width = wide * dense;
    this.canvas.height = WHEN * dense;
    Object.assign(this.canvas.style, { left: `${this.left}px`, width: `${wide}px`, height: `${WHEN}px` });
    Object.assign(this.line.style, { left: `${this.narrow ? this.left - 28 : 4}px`, right: `${this.right - 4}px` });
    const pen = this.canvas.getContext("2d");
    pen.scale(dense, dense);
    frames.forEach((frame, n) => {
      const top = n ? (this.y(frames[n - 1].step) + this.y(frame.step)) / 2 : 0;
      for (let l = 0; l < depth; l += 1) {
        pen.fillStyle = mix(this.ramp, (this.owner.cell(frame, l, "doublings") + 1) / (this.most + 1));
        pen.fillRect(l * this.pitch, top, this.pitch + 0.6, WHEN - top);
      }
    });
    this.labels.replaceChildren();
    let before = -20;
    const end = this.y(data.last);
    for (const step of new Set([0, 1, 5, 10, 20, 50, 100, 200, 300, 500, 1000, data.last])) {
      const y = this.y(step);
      if (step > data.last || y - before < 17 || (step < data.last && end - y < 17)) continue;
      before = y;
      const frame = frames[this.owner.indexOf(step)];
      const label = (cls, text) => {
        const made = make("span", cls, this.labels, text);
        made.style.top = `${y}px`;
        if (cls === "bnt-left") made.style.width = `${this.left - 9}px`;
        else made.style.left = `${this.width - this.right + 8}px`;
      };
      if (!this.narrow) label("bnt-left", String(step));
      label("bnt-rightward", frame.words.ratio);
    }
  }
}
