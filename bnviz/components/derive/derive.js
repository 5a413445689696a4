// The walk along the equations: shows the steps that Python computed, one at a time.
//
// All steps are here, so a step is drawn at once; Python is told afterwards, for
// the address of the page.

import { draw, make, onKeys, setAttribute, setMath, setText, unbroken } from "../bnviz.common/dom.js";

const walks = new WeakMap();
const NARROW = 640; // below this width of the graph, the tall picture

export default function ({ data, parentElement, setTriggerValue }) {
  let walk = walks.get(parentElement);
  if (!walk) {
    walk = new Walk(parentElement);
    walks.set(parentElement, walk);
  }
  walk.post = (event) => setTriggerValue("event", event);
  walk.update(JSON.parse(new TextDecoder().decode(data)));
}

// Where the nodes stand and the labels hang: x, y, and how the text is anchored.
const WIDE = {
  size: [720, 336],
  nodes: {
    weight: [30, 108], a: [30, 212], x: [128, 160], mean: [215, 58], deviation: [302, 160],
    var: [346, 262], inv_std: [458, 262], x_hat: [486, 160], gamma: [552, 58], beta: [646, 58],
    y: [606, 160], loss: [692, 160],
  },
  labels: {
    "y-loss": [657, 194, "middle"], "xhat-y": [540, 116, "middle"], "gamma-y": [568, 106, "end"],
    "beta-y": [634, 106, "start"], "dev-xhat": [394, 114, "middle"],
    "invstd-xhat": [484, 222, "start"], "var-invstd": [402, 306, "middle"],
    "dev-var": [314, 228, "end"], "mean-dev": [262, 70, "start"], "x-dev": [215, 184, "middle"],
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

class Walk {
  constructor(parent) {
    this.root = make("section", "bnd", parent);
    this.root.setAttribute("data-derive", "");
    this.root.setAttribute("aria-label", "Derivation");
    this.strip = make("nav", "bnd-strip", this.root);
    this.strip.setAttribute("aria-label", "Steps");
    const head = make("div", "bnd-head", this.root);
    this.heading = make("h1", "bnd-heading", head);
    const buttons = make("div", "bnd-buttons", head);
    this.back = this.button(buttons, "← Back", () => this.go(this.step - 1));
    this.next = this.button(buttons, "Next →", () => this.go(this.step + 1));
    const body = make("div", "bnd-body", this.root);
    const left = make("div", "bnd-left", body);
    this.formulas = make("div", "bnd-formulas", left);
    this.text = make("p", "bnd-text", left);
    this.check = make("p", "bnd-check", left);
    this.tableBox = make("div", "bnd-table", body);
    const right = make("div", "bnd-right", body);
    this.graph = make("div", "bnd-graph", right);
    this.said = make("p", "bnd-said", right);
    this.said.setAttribute("role", "status");
    this.shape = make("div", "bnd-shape", right);
    this.code = make("details", "bnd-code", right);
    make("summary", "", this.code, "The same in NumPy");
    this.source = make("pre", "", this.code);
    this.source.tabIndex = 0;
    this.live = make("p", "bnd-hidden", this.root);
    this.live.setAttribute("role", "status");
    this.seq = Date.now();
    this.posted = 0;
    onKeys(this.root, (event) => this.key(event));
    new ResizeObserver(() => this.drawGraph()).observe(this.graph);
  }

  button(parent, label, act) {
    const button = make("button", "bnd-button", parent, label);
    button.type = "button";
    button.onclick = act;
    return button;
  }

  update(data) {
    this.data = data;
    // An answer to an earlier event must not take the walk back.
    if (!this.posted || data.seq === this.posted) this.step = data.step;
    this.drawStrip();
    this.drawStep();
  }

  send(kind, value) {
    this.posted = this.seq += 1;
    this.post({ kind, value, seq: this.posted });
  }

  go(step) {
    if (step < 0 || step >= this.data.steps.length || step === this.step) return;
    this.step = step;
    this.drawStep();
    setText(this.live, `Step ${step + 1} of ${this.data.steps.length}. ${this.current.heading}`);
    this.send("step", step);
  }

  key(event) {
    const moves = { ArrowRight: 1, ArrowLeft: -1, PageDown: 1, PageUp: -1 };
    const move = moves[event.key];
    const { target } = event;
    if (!move || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (target instanceof Element && target.closest("input, select, textarea, [role=radiogroup], pre")) {
      return;
    }
    event.preventDefault();
    this.go(this.step + move);
  }

  get current() {
    return this.data.steps[this.step];
  }

  // ---- The strip -----------------------------------------------------------------

  drawStrip() {
    const { steps, parts } = this.data;
    const shape = JSON.stringify(steps.map((step) => step.label));
    if (shape === this.stripShape) return;
    this.stripShape = shape;
    this.strip.replaceChildren();
    this.stops = [];
    parts.forEach((title, index) => {
      const group = make("div", "bnd-part", this.strip);
      make("span", "bnd-part-title", group, title);
      const list = make("ol", "", group);
      steps.forEach((step, number) => {
        if (step.part !== index) return;
        const button = this.button(make("li", "", list), "", () => this.go(number));
        button.className = "bnd-stop";
        make("span", "bnd-stop-number", button, String(number + 1));
        make("span", "bnd-stop-label", button, step.label);
        button.setAttribute("aria-label", `Step ${number + 1}: ${step.label}`);
        this.stops[number] = button;
      });
    });
  }

  // ---- A step ----------------------------------------------------------------------

  drawStep() {
    const step = this.current;
    setAttribute(this.root, "data-step", this.step + 1);
    this.stops.forEach((stop, index) => {
      if (index === this.step) stop.setAttribute("aria-current", "step");
      else stop.removeAttribute("aria-current");
    });
    this.back.disabled = this.step === 0;
    this.next.disabled = this.step === this.data.steps.length - 1;
    setText(this.heading, unbroken(step.heading));
    setText(this.text, unbroken(step.text));
    this.drawFormulas(step);
    setText(this.check, step.check ? `${step.check.holds ? "✓" : "✗"} ${step.check.text}` : "");
    this.check.hidden = !step.check;
    if (step.check) setAttribute(this.check, "data-holds", step.check.holds);
    this.drawShape(step);
    this.code.hidden = !step.code;
    setText(this.source, step.code);
    this.drawTable(step);
    this.drawGraph();
    setText(this.said, "");
  }

  drawFormulas(step) {
    this.formulas.replaceChildren();
    const { sample, colors, rows, neuron } = this.data;
    const label = make("p", "bnd-source", this.formulas);
    make("span", "", label, `${step.source} · sample `);
    make("i", "bnd-dot", label).style.background = colors[rows.indexOf(sample)];
    make("span", "", label, `${sample + 1}, neuron ${neuron + 1}`);
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
      box.classList.toggle("bnd-more", shown < height);
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
      const button = this.button(th, "", () => this.send("sample", row));
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
    const arrows = draw("defs", {}, svg);
    for (const [id, way] of [["bnd-forward", "auto"], ["bnd-backward", "auto-start-reverse"]]) {
      const marker = draw("marker", {
        id, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: way,
        markerUnits: "userSpaceOnUse",
      }, arrows);
      draw("path", { d: "M0 0 L8 4 L0 8 z", class: id }, marker);
    }
    const touched = new Set();
    for (const [name, [from, to]] of Object.entries(EDGES)) {
      const edge = edges.find((each) => each.name === name);
      const on = lit.has(name);
      if (on) touched.add(from).add(to);
      const group = draw("g", { class: on ? "bnd-edge bnd-on" : "bnd-edge", "data-edge": name }, svg);
      const [x1, y1, x2, y2] = clipped(layout.nodes, from, to);
      draw("line", {
        x1, y1, x2, y2, [on ? "marker-start" : "marker-end"]: `url(#${on ? "bnd-backward" : "bnd-forward"})`,
      }, group);
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
