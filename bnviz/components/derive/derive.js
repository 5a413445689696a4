// The walk along the equations: shows the steps that Python computed, one at a time, beside the
// river, of which only the stretch at hand is lit.
//
// All steps are here, so a step is drawn at once; Python is told afterwards, for
// the address of the page.

import { draw, make, onKeys, setAttribute, setMath, setText, unbroken } from "../bnviz.common/dom.js";
import { real } from "../bnviz.common/numbers.js";
import { Running } from "./running.js";

const NARROW = 640; // below this width of the graph, the tall picture
const PACE_MS = 5000; // how long Play stays at a step
const WIDEST = 10; // pixels of the widest arrow of the graph

// Where the nodes stand and the labels hang: x, y, and how the text is anchored.
const WIDE = {
  size: [720, 336],
  nodes: {
    weight: [30, 108], a: [30, 212], x: [128, 160], mean: [215, 58], deviation: [302, 160],
    var: [346, 262], inv_std: [458, 262], x_hat: [486, 160], gamma: [552, 58], beta: [646, 58],
    y: [606, 160], loss: [692, 160],
  },
  labels: {
    "y-loss": [657, 194, "middle"], "xhat-y": [540, 116, "middle"], "gamma-y": [562, 106, "end"],
    "beta-y": [640, 106, "start"], "dev-xhat": [394, 114, "middle"],
    "invstd-xhat": [492, 222, "start"], "var-invstd": [402, 306, "middle"],
    "dev-var": [308, 228, "end"], "mean-dev": [270, 70, "start"], "x-dev": [215, 184, "middle"],
    "x-mean": [162, 96, "end"], "w-x": [6, 66, "start"], "a-x": [6, 250, "start"],
  },
};
const TALL = {
  size: [360, 580],
  nodes: {
    a: [70, 30], weight: [170, 30], x: [120, 115], mean: [258, 150], deviation: [120, 232],
    var: [262, 270], inv_std: [262, 352], x_hat: [120, 352], gamma: [240, 430], beta: [240, 498],
    y: [120, 464], loss: [120, 550],
  },
  labels: {
    "y-loss": [106, 504, "end"], "xhat-y": [106, 402, "end"], "gamma-y": [266, 424, "start"],
    "beta-y": [266, 494, "start"], "dev-xhat": [106, 286, "end"],
    "invstd-xhat": [182, 384, "middle"], "var-invstd": [250, 306, "end"],
    "dev-var": [136, 300, "start"], "mean-dev": [206, 208, "start"], "x-dev": [106, 168, "end"],
    "x-mean": [186, 104, "start"], "w-x": [160, 66, "start"], "a-x": [84, 66, "end"],
  },
};
const EDGES = {
  "w-x": ["weight", "x"], "a-x": ["a", "x"], "x-mean": ["x", "mean"], "x-dev": ["x", "deviation"],
  "mean-dev": ["mean", "deviation"], "dev-var": ["deviation", "var"],
  "var-invstd": ["var", "inv_std"], "invstd-xhat": ["inv_std", "x_hat"],
  "dev-xhat": ["deviation", "x_hat"], "xhat-y": ["x_hat", "y"], "gamma-y": ["gamma", "y"],
  "beta-y": ["beta", "y"], "y-loss": ["y", "loss"],
};

const HALF = { inv_std: 48, deviation: 30 }; // how far a node reaches to its sides
const SPAN = 300; // more than any label needs

export class Walk {
  constructor(stage) {
    this.stage = stage;
    this.root = make("section", "bnd", stage.root);
    this.root.setAttribute("data-derive", "");
    this.root.setAttribute("aria-label", "Derivation");
    const head = make("div", "bnd-head", this.root);
    this.heading = make("h1", "bnd-heading"); // on the page where there is a walk
    const buttons = make("div", "bnd-buttons", head);
    this.back = this.button(buttons, "← Back", () => this.go(this.step - 1));
    this.next = this.button(buttons, "Next →", () => this.go(this.step + 1));
    this.play = this.button(buttons, "▸ Play", () => this.run(!this.playing));
    const body = make("div", "bnd-body", this.root);
    const left = make("div", "bnd-left", body);
    this.formulas = make("div", "bnd-formulas", left);
    const said = make("div", "bnd-says", left);
    this.text = make("p", "bnd-text", said);
    this.check = make("p", "bnd-check", said);
    this.running = new Running(left);
    this.river = make("div", "bnd-river", body);
    this.strip = make("nav", "bnd-strip", this.root);
    this.strip.setAttribute("aria-label", "Steps");
    this.more = make("div", "bnd-more", this.root);
    this.tableBox = make("div", "bnd-table", this.more);
    const right = make("div", "bnd-right", this.more);
    this.graph = make("div", "bnd-graph", right);
    this.widths = make("p", "bnd-quiet", right);
    this.said = make("p", "bnd-said", right);
    this.said.setAttribute("role", "status");
    this.shape = make("div", "bnd-shape", right);
    this.code = make("details", "bnd-code", right);
    make("summary", "", this.code, "The same in NumPy");
    this.source = make("pre", "", this.code);
    this.source.tabIndex = 0;
    this.live = make("p", "bnd-hidden", this.root);
    this.live.setAttribute("role", "status");
    onKeys(this.root, (event) => this.key(event));
    new ResizeObserver(() => this.drawGraph()).observe(this.graph);
  }

  button(parent, label, act) {
    const button = make("button", "bnd-button", parent, label);
    button.type = "button";
    button.onclick = act;
    return button;
  }

  // The river is the stage's own: on a walk it stands beside the equation.
  update({ walk }) {
    const { river, lever, hold } = this.stage;
    this.root.hidden = !walk;
    if (!walk) {
      this.data = null;
      this.heading.remove();
      this.run(false);
      if (this.river.contains(river.root)) lever.root.before(river.root);
      return;
    }
    if (!this.data) {
      this.root.firstElementChild.prepend(this.heading);
      this.river.append(river.root);
    }
    // While a number is held the step at hand comes alone: the others are of before.
    const alone = !Array.isArray(walk.steps);
    const steps = alone ? Object.assign([...this.data.steps], walk.steps) : walk.steps;
    this.data = { ...walk, steps };
    // An answer to an earlier event must not take the walk back.
    if (!this.stage.awaits("walk") && !alone) this.step = walk.step;
    this.fresh = alone && hold.gesture?.moved ? walk.step : null;
    if (hold.gesture) this.run(false);
    this.drawStrip();
    this.drawStep();
  }

  go(step, byItself = false) {
    const { hold } = this.stage;
    if (!byItself) this.run(false);
    if (step < 0 || step >= this.data.steps.length || step === this.step) return;
    if (hold.gesture && !hold.gesture.done) return; // what is held, is held at this step
    this.step = step;
    this.drawStep();
    this.stage.river.draw();
    setText(this.live, `Step ${step + 1} of ${this.data.steps.length}. ${this.current.heading}`);
    hold.forget();
    this.stage.send({ kind: "walk", value: step });
  }

  // Play: a step after the other, each as long as it takes to look at it; from the end anew.
  run(playing) {
    clearTimeout(this.timer);
    if (this.playing === playing) return;
    this.playing = playing;
    setText(this.play, playing ? "❚❚ Pause" : "▸ Play");
    if (!playing) return;
    if (this.step === this.data.steps.length - 1) this.go(0, true);
    this.stay();
  }

  stay() {
    this.stage.river.flow(); // which moves nothing where that is not wanted
    this.timer = setTimeout(() => {
      if (!this.playing || !this.root.isConnected) return;
      this.go(this.step + 1, true);
      if (this.step < this.data.steps.length - 1) this.stay();
      else this.run(false);
    }, PACE_MS);
  }

  key(event) {
    const moves = { ArrowRight: 1, ArrowLeft: -1, PageDown: 1, PageUp: -1 };
    const move = moves[event.key];
    const { target } = event;
    if (!this.data || !move || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (target instanceof Element && target.closest("input, select, textarea, [role=radiogroup], [role=slider], pre")) {
      return;
    }
    event.preventDefault();
    this.go(this.step + move);
  }

  get current() {
    return this.data.steps[this.step];
  }

  // ---- The strip -----------------------------------------------------------------

  // Small rivers, each with its stretch lit, under the paper's own numbers; the moves to one line
  // are about all of it, and go by their names.
  drawStrip() {
    const { steps, parts } = this.data;
    const shape = JSON.stringify(steps.map((step) => step.label));
    if (shape === this.stripShape) return;
    this.stripShape = shape;
    this.strip.replaceChildren();
    this.stops = [];
    parts.forEach((title, index) => {
      const group = make("div", "bnd-part", this.strip);
      make("span", index ? "bnd-part-title" : "bnd-hidden", group, title);
      const list = make("ol", "", group);
      steps.forEach((step, at) => {
        if (step.part !== index) return;
        const button = this.button(make("li", "", list), "", () => this.go(at));
        button.className = "bnd-stop";
        const small = index ? null : draw("svg", { class: "bnr bnd-small", "aria-hidden": "true" }, button);
        const label = make("span", "bnd-stop-label", button);
        if (step.number) make("span", "bnd-stop-number", label, `(${step.number}) `);
        make("span", "", label, step.short);
        button.setAttribute("aria-label", step.number ? `Equation ${step.number}: ${step.label}` : step.label);
        this.stops[at] = { button, small };
      });
    });
    this.smallOf = null;
  }

  // The river has been drawn: so are the small ones, from copies of its lanes. While a number is
  // held they wait, for thirteen rivers are too many for one frame.
  follow(river) {
    const { g, given, along } = river;
    const held = this.stage.hold.gesture;
    this.strip.classList.toggle("bnd-later", Boolean(held?.moved));
    if (held) return;
    const top = g.first - g.room * 0.62 - 8;
    const foot = Math.min(g.h, g.base + 46);
    const shape = JSON.stringify([g.w, g.h, g.x, top, given.lanes, given.batch]);
    const odd = Boolean(along.river); // of other numbers: good enough until the river's own come
    if (shape === this.smallOf?.shape && (odd || !this.smallOf.odd)) return;
    this.smallOf = { shape, odd };
    const copies = [["strands", 1], ["drops", 0.4], ["ribbons", 1]].map(([plane, opacity]) => {
      const copy = draw("g", { opacity });
      for (const part of river.planes[plane].querySelectorAll("path, rect")) copy.append(part.cloneNode());
      return copy;
    });
    this.data.steps.forEach((step, at) => {
      const { small } = this.stops[at];
      if (!small) return;
      setAttribute(small, "viewBox", `0 ${top} ${g.w} ${foot - top}`);
      small.replaceChildren(...copies.map((copy) => copy.cloneNode(true)));
      draw("line", { x1: 0, x2: g.w, y1: g.sum, y2: g.sum, class: "bnr-base" }, small);
      river.draped(small, step.lit, `bnd-lit-${at}`);
    });
  }

  // ---- A step ----------------------------------------------------------------------

  drawStep() {
    const step = this.current;
    setAttribute(this.root, "data-step", this.step + 1);
    this.stops.forEach(({ button }, index) => {
      if (index === this.step) button.setAttribute("aria-current", "step");
      else button.removeAttribute("aria-current");
    });
    this.showStop();
    // A step of before waits visibly.
    this.root.classList.toggle("bnd-waits", this.fresh !== null && this.fresh !== this.step);
    this.stage.river.walk(step, this.data.sample);
    this.back.disabled = this.step === 0;
    this.next.disabled = this.step === this.data.steps.length - 1;
    setText(this.heading, unbroken(step.heading));
    setText(this.text, unbroken(step.text));
    this.drawFormulas(step);
    setText(this.check, step.check ? `${step.check.holds ? "✓" : "✗"} ${step.check.text}` : "");
    this.check.hidden = !step.check;
    if (step.check) setAttribute(this.check, "data-holds", step.check.holds);
    this.running.draw(step.running, this.data, this.stage.river.id);
    // What nobody sees is not drawn at every step of a drag, and looks as if it waited.
    const later = Boolean(this.stage.hold.gesture) && this.more.getBoundingClientRect().top > innerHeight;
    this.more.classList.toggle("bnd-later", later);
    if (later) return;
    this.drawShape(step);
    this.code.hidden = !step.code;
    setText(this.source, step.code);
    this.drawTable(step);
    this.drawGraph();
    setText(this.said, "");
    setText(this.widths, this.data.widths);
  }

  // The strip scrolls by itself, and never the page.
  showStop() {
    const list = this.stops[this.step].button.closest("ol");
    const { button } = this.stops[this.step];
    if (list.scrollWidth <= list.clientWidth) return;
    list.scrollLeft = button.offsetLeft - list.offsetLeft - (list.clientWidth - button.offsetWidth) / 2;
  }

  drawFormulas(step) {
    this.formulas.replaceChildren();
    const { sample, colors, rows } = this.data;
    const label = make("p", "bnd-source", this.formulas);
    label.append(`${step.source} · `);
    const whose = make("span", "bnd-whose", label, "sample ");
    make("i", "bnd-dot", whose).style.background = colors[rows.indexOf(sample)];
    whose.append(String(sample + 1));
    for (const parts of step.formulas) {
      const line = make("div", "bnd-formula", this.formulas);
      line.setAttribute("role", "math");
      line.setAttribute(
        "aria-label",
        `${parts.map((p) => p.s).join(" ")}; in numbers ${parts.map((p) => p.t || p.s).join(" ")}`,
      );
      for (const factor of parts) {
        const box = make("span", factor.op ? "bnd-op" : "bnd-factor", line);
        setMath(make("span", "bnd-symbol", box), factor.m);
        make("span", "bnd-number", box, factor.t);
        if (factor.k) this.light(box, factor.k);
      }
    }
    for (const [index, move] of (step.moves ?? []).entries()) {
      const line = make("div", index ? "bnd-move bnd-new" : "bnd-move", this.formulas);
      line.setAttribute("role", "math");
      line.setAttribute("aria-label", `${move.s} = ${move.t}`);
      for (const piece of move.m) {
        setMath(make("span", "bnd-piece", line), piece);
        line.append(" "); // where a narrow screen breaks it
      }
      make("b", "", line, `= ${move.t}`);
      this.light(line, index ? "right" : "left");
    }
  }

  // A small picture of what is added up and what is spread over the rows.
  drawShape({ picture }) {
    this.shape.replaceChildren();
    const { neuron, rows, colors, sample, k } = this.data;
    this.shape.setAttribute("role", "img");
    this.shape.setAttribute("aria-label", picture.said);
    picture.grids.forEach(([height, width], index) => {
      if (index) make("span", "bnd-arrow", this.shape, picture.signs[index - 1]);
      const box = make("span", "bnd-grid", this.shape);
      box.style.gridTemplateColumns = `repeat(${width}, 0.8rem)`;
      const shown = Math.min(height, 6);
      box.classList.toggle("bnd-long", shown < height);
      const here = Math.min(rows.indexOf(sample), shown - 1);
      for (let r = 0; r < shown; r += 1) {
        for (let c = 0; c < width; c += 1) {
          const mine = width === k && c === neuron;
          const cell = make("i", mine ? "bnd-mine" : "", box);
          if (mine && height === this.data.n && r === here) cell.style.background = colors[rows.indexOf(sample)];
        }
      }
    });
    make("span", "bnd-quiet", this.shape, picture.said);
  }

  drawTable(step) {
    const focused = this.tableBox.contains(document.activeElement)
      ? document.activeElement.getAttribute("aria-label")
      : null;
    this.tableBox.replaceChildren();
    const { rows, colors, sample, hidden } = this.data;
    const table = make("table", "", this.tableBox);
    const head = make("tr", "", make("thead", "", table));
    const corner = make("th", "", head);
    make("span", "bnd-hidden", corner, "Sample");
    for (const column of step.columns) {
      const th = make("th", "", head);
      th.scope = "col";
      if (column.m) setMath(th, column.m);
      else th.textContent = column.s;
      this.light(th, column.k);
    }
    const body = make("tbody", "", table);
    const largest = { paths: this.data.paths }; // one scale for the paths, in every step
    for (const { scale, v } of step.columns) {
      largest[scale] = Math.max(largest[scale] ?? 0, ...v.map((each) => Math.abs(Number(each)) || 0));
    }
    rows.forEach((row, r) => {
      const tr = make("tr", row === sample ? "bnd-chosen" : "", body);
      const th = make("th", "", tr);
      th.scope = "row";
      const button = this.button(th, "", () => this.stage.send({ kind: "sample", value: row }));
      button.className = "bnd-row";
      button.setAttribute("aria-pressed", row === sample);
      button.setAttribute("aria-label", `Sample ${row + 1}`);
      make("i", "bnd-dot", button).style.background = colors[r];
      make("span", "", button, String(row + 1));
      step.columns.forEach((column) => {
        const td = make("td", "", tr);
        td.dataset.column = column.k;
        td.dataset.value = column.v[r];
        const share = Number(column.v[r]) / largest[column.scale] || 0;
        const bar = make("i", "bnd-bar", make("span", "bnd-track", td));
        bar.style.background = colors[r];
        bar.style.width = `${Math.abs(share) * 50}%`;
        bar.style.marginLeft = `${share < 0 ? 50 + share * 50 : 50}%`;
        make("span", "", td, column.t[r]);
        this.light(td, column.k);
      });
    });
    if (step.columns.some((column) => column.total)) {
      const foot = make("tr", "", make("tfoot", "", table));
      make("th", "", foot, "Σ").scope = "row";
      for (const column of step.columns) {
        const td = make("td", column.zero ? "bnd-zero" : "", foot, column.total);
        td.dataset.total = column.k;
      }
    }
    if (hidden) make("p", "bnd-quiet", this.tableBox, hidden);
    if (focused) this.tableBox.querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
  }

  // Pointing at a factor, a column or an edge lights up all that is the same quantity.
  light(element, key) {
    if (!key) return;
    element.dataset.key = key;
    element.onpointerenter = () => this.shine(key, true);
    element.onpointerleave = () => this.shine(key, false);
  }

  shine(key, on) {
    for (const element of this.root.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)) {
      element.classList.toggle("bnd-lit", on);
    }
  }

  // ---- The graph ---------------------------------------------------------------------

  drawGraph() {
    if (!this.data) return;
    const layout = this.graph.clientWidth < NARROW * 0.8 ? TALL : WIDE;
    const { edges, nodes } = this.data.graph;
    const lit = new Set(this.current.edges);
    const [width, height] = layout.size;
    const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "group" });
    svg.setAttribute("aria-label", "Computation graph; each node opens its values");
    const marker = draw("marker", {
      id: "bnd-forward", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7,
      orient: "auto", markerUnits: "userSpaceOnUse",
    }, draw("defs", {}, svg));
    draw("path", { d: "M0 0 L8 4 L0 8 z", class: "bnd-forward" }, marker);
    const sizeOf = (edge) => Math.abs(real((this.current.labels[edge.name] ?? edge.flow).v)) || 0;
    const most = Math.max(...edges.map(sizeOf).filter(Number.isFinite)) || 1;
    const touched = new Set();
    for (const [name, [from, to]] of Object.entries(EDGES)) {
      const edge = edges.find((each) => each.name === name);
      const on = lit.has(name);
      if (on) touched.add(from).add(to);
      const group = draw("g", { class: on ? "bnd-edge bnd-on" : "bnd-edge", "data-edge": name }, svg);
      const [x1, y1, x2, y2] = clipped(layout.nodes, from, to);
      if (on && edge) {
        const width = Math.min(1, sizeOf(edge) / most) * WIDEST;
        draw("path", { d: arrow(x2, y2, x1, y1, Math.max(1, width)), class: "bnd-back", "data-width": width }, group);
      } else draw("line", { x1, y1, x2, y2, "marker-end": "url(#bnd-forward)" }, group);
      if (!edge) continue;
      if (edge.k) this.light(group, edge.k);
      if (!on) continue;
      const [x, y, anchor] = layout.labels[name];
      const lines = words(group, x, y + 3, anchor);
      said(make("div", "bnd-local", lines), edge.local);
      said(make("div", "bnd-flow", lines), this.current.labels[name] ?? edge.flow);
    }
    for (const node of nodes) {
      const [x, y] = layout.nodes[node.name];
      const half = HALF[node.name] ?? 18;
      const group = draw("g", {
        class: touched.has(node.name) ? "bnd-node bnd-on" : "bnd-node",
        role: "button", tabindex: 0, "aria-label": `${node.s}: ${node.said.join(", ")}`,
      }, svg);
      draw("rect", { x: x - half, y: y - 18, width: 2 * half, height: 36, rx: 18 }, group);
      setMath(make("div", "bnd-name", words(group, x, y, "middle")), node.m);
      const open = () => setText(this.said, unbroken(`${node.said.join(", ")}. ${node.sentence}`));
      group.onpointerenter = group.onfocus = group.onclick = open;
      group.onkeydown = (event) => {
        if (event.key === "Enter" || event.key === " ") {
          event.preventDefault();
          open();
        }
      };
    }
    const focused = this.graph.contains(document.activeElement)
      ? document.activeElement.getAttribute("aria-label")?.split(":")[0]
      : null;
    this.graph.replaceChildren(svg);
    if (focused) {
      [...svg.querySelectorAll("[role=button]")]
        .find((group) => group.getAttribute("aria-label").split(":")[0] === focused)?.focus();
    }
  }
}

// From the edge of one node to the edge of the other.
function clipped(nodes, from, to) {
  const [[x1, y1], [x2, y2]] = [nodes[from], nodes[to]];
  const length = Math.hypot(x2 - x1, y2 - y1);
  const [ux, uy] = [(x2 - x1) / length, (y2 - y1) / length];
  const gap = (name) => (Math.abs(ux) > 0.9 ? (HALF[name] ?? 18) + 4 : 22);
  return [x1 + ux * gap(from), y1 + uy * gap(from), x2 - ux * gap(to), y2 - uy * gap(to)];
}

// From one point to another: as wide as what flows, with a head that is wider.
function arrow(x1, y1, x2, y2, width) {
  const length = Math.hypot(x2 - x1, y2 - y1);
  const [ux, uy] = [(x2 - x1) / length, (y2 - y1) / length];
  const head = Math.min(length / 2, 6 + width * 0.6);
  const at = (along, side) => `${x1 + ux * along - uy * side} ${y1 + uy * along + ux * side}`;
  const [half, wide, neck] = [width / 2, width / 2 + 4, length - head];
  return `M${at(0, -half)}L${at(neck, -half)}L${at(neck, -wide)}L${at(length, 0)}`
    + `L${at(neck, wide)}L${at(neck, half)}L${at(0, half)}Z`;
}

// HTML in the picture, for formulas: at a point, centred on its height, as wide as it needs.
function words(parent, x, y, anchor) {
  const left = { start: x, middle: x - SPAN / 2, end: x - SPAN }[anchor];
  const place = { x: left, y: y - SPAN / 2, width: SPAN, height: SPAN };
  const box = make("div", "bnd-words", draw("foreignObject", place, parent));
  box.dataset.anchor = anchor;
  return box;
}

function said(element, { m, t }) {
  if (m) setMath(make("span", "", element), m);
  make("span", "", element, t);
}
