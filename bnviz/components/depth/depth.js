// The gradient through depth and time: four rows over one axis of layers, and the loss beside
// them. Python sends a frame for each step that is drawn; this only places and scrubs.

import { draw, make, setAttribute, setText, unbroken } from "../bnviz.common/dom.js";
import { number } from "../bnviz.common/numbers.js";
import { Pen } from "../bnviz.river/pen.js";

const FRAME_MS = 60;
const NARROW = 760;
const FIRST = 5; // steps that are still the beginning
const PARTS = [
  ["back", "back by γ/σ and Wᵀ", 1],
  ["stopped", "stopped by the activation", -1],
  ["along_one", "leaves along 1 (μ)", -1],
  ["along_x_hat", "leaves along x̂ (σ²)", -1],
];
const pictures = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  let picture = pictures.get(parentElement);
  if (!picture) {
    picture = new Depth(parentElement);
    pictures.set(parentElement, picture);
  }
  picture.post = (step) => setStateValue("step", step);
  picture.update(JSON.parse(new TextDecoder().decode(data)));
}

class Depth {
  constructor(parent) {
    this.root = make("section", "bnx", parent);
    this.root.setAttribute("data-depth", "");
    this.root.setAttribute("aria-label", "The gradient through depth and training");
    this.claim = make("h1", "bnx-claim", this.root);
    this.why = make("p", "bnx-why", this.root);
    this.body = make("div", "bnx-body", this.root);
    this.main = make("div", "bnx-main", this.body);
    this.svg = draw("svg", { role: "img" }, this.main);
    make("p", "bnx-caption", this.main, "when: the river from above, a row a step; drag the line");
    this.when = make("canvas", "bnx-when", this.main);
    this.when.setAttribute("aria-hidden", "true");
    this.when.onpointerdown = (event) => this.scrub(event);
    this.line = make("div", "bnx-line", this.main);
    this.controls = make("div", "bnx-controls", this.main);
    this.play = this.button("▸ Play", () => this.toggle());
    this.back = this.button("‹", () => this.go(this.k - 1, true), "One frame back");
    this.next = this.button("›", () => this.go(this.k + 1, true), "One frame on");
    this.slider = make("input", "bnx-slider", this.controls);
    this.slider.type = "range";
    this.slider.min = 0;
    this.slider.setAttribute("aria-label", "Step");
    this.slider.oninput = () => this.go(Number(this.slider.value), false);
    this.slider.onchange = () => this.go(Number(this.slider.value), true);
    this.where = make("output", "bnx-where", this.controls);
    this.side = make("div", "bnx-side", this.body);
    this.loss = draw("svg", { "aria-hidden": "true" }, this.side);
    this.now = make("p", "bnx-now", this.side);
    this.legend = make("table", "bnx-legend", this.side);
    this.weights = make("p", "bnx-note", this.side);
    this.pen = new Pen();
    this.lossPen = new Pen();
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.k = 0;
    new ResizeObserver(() => this.draw(true)).observe(this.root);
  }

  button(text, act, label) {
    const button = make("button", "bnx-button", this.controls, text);
    button.type = "button";
    if (label) button.setAttribute("aria-label", label);
    button.onclick = act;
    return button;
  }

  update(data) {
    const first = !this.data;
    const last = this.data && this.k === this.data.frames.length - 1;
    const step = this.data?.frames[this.k]?.step;
    this.data = data;
    setAttribute(this.root, "data-done", data.done);
    this.root.toggleAttribute("data-busy", data.training);
    const wanted = first || data.at !== this.at ? data.at : last && !this.held ? Infinity : step;
    this.at = data.at;
    this.k = Math.max(0, data.frames.findLastIndex((frame) => frame.step <= wanted));
    this.slider.max = data.frames.length - 1;
    this.draw(true);
  }

  go(k, tell) {
    const { frames } = this.data;
    this.k = Math.max(0, Math.min(frames.length - 1, k));
    this.held = true;
    this.draw(false);
    if (!tell) return;
    this.at = frames[this.k].step;
    this.post(this.at);
  }

  toggle() {
    if (this.timer) {
      this.pause();
      return;
    }
    if (this.k >= this.data.frames.length - 1) this.k = 0;
    setText(this.play, "❚❚ Pause");
    const tick = () => {
      if (!this.root.isConnected || this.k >= this.data.frames.length - 1) {
        this.pause();
        return;
      }
      this.go(this.k + 1, false);
      this.timer = setTimeout(tick, this.still.matches ? 500 : FRAME_MS);
    };
    this.timer = setTimeout(tick, 0);
  }

  pause() {
    clearTimeout(this.timer);
    this.timer = null;
    setText(this.play, "▸ Play");
    this.go(this.k, true);
  }

  scrub(event) {
    const to = (move, tell) => {
      const box = this.when.getBoundingClientRect();
      this.go(Math.floor(((move.clientY - box.top) / box.height) * this.data.frames.length), tell);
    };
    event.preventDefault();
    this.when.setPointerCapture(event.pointerId);
    this.when.onpointermove = (move) => to(move, false);
    this.when.onpointerup = this.when.onpointercancel = (up) => {
      this.when.onpointermove = this.when.onpointerup = this.when.onpointercancel = null;
      to(up, true);
    };
    to(event, false);
  }

  // ---- Drawing -----------------------------------------------------------------------

  draw(anew) {
    const width = this.main.clientWidth;
    const { data } = this;
    if (!data?.frames.length || !width) return;
    const narrow = this.root.clientWidth < NARROW;
    const left = narrow ? 34 : 56;
    const pitch = (width - left - (narrow ? 6 : 64)) / data.depth;
    this.g = { width, left, pitch, narrow, x: (layer) => left + (layer + 0.5) * pitch };
    const frame = data.frames[this.k];
    const said = data.headlines[frame.step < FIRST ? 0 : 1];
    setText(this.claim, unbroken(said.claim));
    setText(this.why, unbroken(said.why));
    setAttribute(this.root, "data-step", frame.step);
    setAttribute(this.root, "data-early", frame.early);
    setAttribute(this.svg, "aria-label", frame.alt);
    const h = 416;
    setAttribute(this.svg, "viewBox", `0 0 ${width} ${h}`);
    setAttribute(this.svg, "width", width);
    setAttribute(this.svg, "height", h);
    if (!this.layer) this.layer = draw("g", {}, this.svg);
    this.pen.begin(this.layer);
    this.drawRiver(frame);
    this.drawBudget(frame, 262);
    this.drawNeedles(frame, 386);
    this.pen.end();
    if (anew) this.drawWhen();
    this.drawLoss(frame);
    this.drawSide(frame);
    this.slider.value = this.k;
    setAttribute(this.slider, "aria-valuetext", `step ${frame.step}, layer 2 at ${frame.early}`);
    setText(this.where, `step ${frame.step} of ${data.total}`);
    this.line.style.top = `${this.when.offsetTop + ((this.k + 0.5) / data.frames.length) * this.when.clientHeight}px`;
    this.line.style.left = `${left}px`;
    this.line.style.width = `${pitch * data.depth}px`;
  }

  text(x, y, content, cls = "", anchor = "middle") {
    return this.pen.draw("text", { x, y, class: `bnx-text ${cls}`, "text-anchor": anchor }, this.layer, content);
  }

  // How thick at a ratio: 30 px at ×1, and so much more with every doubling.
  half(ratio) {
    const doublings = Math.log2(Math.max(this.data.most ?? 1, 2));
    const each = Math.min(7.2, 80 / doublings);
    return Math.max(1, 14 + each * Math.log2(Math.max(ratio ?? 0, 1e-12)));
  }

  drawRiver(frame) {
    const { g, data, pen, layer } = this;
    const middle = 112;
    this.text(0, 14, g.narrow ? "rms, over the last layer’s; a line a doubling" : "the river: rms of the gradient at x, over that at the last layer; a line at every doubling", "bnx-quiet", "start");
    const outline = (rms) => {
      const top = rms.map((ratio, i) => `${g.x(i).toFixed(1)} ${(middle - this.half(ratio)).toFixed(1)}`);
      const bottom = rms.map((ratio, i) => `${g.x(i).toFixed(1)} ${(middle + this.half(ratio)).toFixed(1)}`);
      const edge = (i, way) => `${(g.x(i) + (i ? 0.5 : -0.5) * g.pitch).toFixed(1)} ${(middle + way * this.half(rms[i])).toFixed(1)}`;
      const end = rms.length - 1;
      return `M${edge(0, -1)}L${top.join("L")}L${edge(end, -1)}L${edge(end, 1)}L${bottom.reverse().join("L")}L${edge(0, 1)}Z`;
    };
    pen.draw("path", { d: outline(frame.rms), class: "bnx-river" }, layer);
    for (let doubling = 1; 2 ** doubling <= (data.most ?? 1); doubling += 1) {
      const half = this.half(2 ** doubling);
      for (const way of [-1, 1]) {
        let d = "";
        frame.rms.forEach((ratio, i) => {
          if ((ratio ?? 0) < 2 ** doubling) return;
          d += `M${(g.x(i) - g.pitch / 2).toFixed(1)} ${middle + way * half}h${g.pitch.toFixed(1)}`;
        });
        pen.draw("path", { d: d || "M0 0", class: "bnx-doubling" }, layer);
      }
    }
    pen.draw("path", { d: outline(data.frames[0].rms), class: "bnx-ghost" }, layer);
    const early = Math.min(1, data.depth - 1);
    this.text(g.x(early) + 8, middle + 5, `${frame.early} at layer ${early + 1}`, "bnx-strong bnx-on", "start");
    const end = data.depth - 1;
    this.text(g.x(end) + g.pitch / 2, middle - this.half(1) - 8, `×1 at layer ${data.depth}`, "bnx-strong", "end");
    const every = data.depth > 12 ? 5 : g.narrow && data.depth > 6 ? 2 : 1;
    for (let i = 0; i < data.depth; i += 1) {
      if ((i + 1) % every === 0 || i === early) this.text(g.x(i), 222, String(i + 1), "bnx-quiet");
    }
    this.text(0, 222, "layer", "bnx-quiet", "start");
  }

  // In squares, so that it adds: what arrives at a layer is 100.
  drawBudget(frame, top) {
    const { g, data, pen, layer } = this;
    const zero = top + 62;
    const unit = 0.34;
    this.text(0, top - 10, "where it is lost, where it grows: of 100 that arrive, in squares", "bnx-quiet", "start");
    pen.draw("line", { x1: g.left, x2: g.left + g.pitch * data.depth, y1: zero, y2: zero, class: "bnx-axis" }, layer);
    const wide = Math.max(2, g.pitch * 0.62);
    for (let i = 0; i < data.depth; i += 1) {
      const x = g.x(i) - wide / 2;
      let y = zero;
      for (const name of ["stopped", "along_one", "along_x_hat"]) {
        const high = 100 * (frame[name][i] ?? 0) * unit;
        pen.draw("rect", { x, y, width: wide, height: Math.max(0, high), class: `bnx-${name}` }, layer);
        y += Math.max(0, high);
      }
      // Gains are drawn at half the scale of losses: they are larger.
      const gain = Math.max(0, 100 * (frame.back[i] ?? 0)) * unit * 0.5;
      const high = Math.min(56, gain);
      pen.draw("rect", { x, y: zero - high, width: wide, height: high, class: "bnx-back" }, layer);
      if (gain > 56) pen.draw("path", { d: `M${x + 2} ${zero - 59}l${wide / 2 - 2} -5 ${wide / 2 - 2} 5`, class: "bnx-caret" }, layer);
    }
    this.text(g.left - 6, zero - 20, "gains", "bnx-quiet", "end");
    this.text(g.left - 6, zero + 22, "loses", "bnx-quiet", "end");
  }

  // A needle a layer: as long as its weights, leaning as far as they have turned.
  drawNeedles(frame, floor) {
    const { g, data, pen, layer } = this;
    const most = Math.max(...data.frames.flatMap((one) => one.length).map((v) => v ?? 0)) || 1;
    for (let i = 0; i < data.depth; i += 1) {
      const long = (26 * (frame.length[i] ?? 0)) / most + 4;
      const lean = ((frame.turn[i] ?? 0) * Math.PI) / 180;
      const x = g.x(i);
      pen.draw("line", { x1: x, y1: floor, x2: x + long * Math.sin(lean), y2: floor - long * Math.cos(lean), class: "bnx-needle" }, layer);
      pen.draw("circle", { cx: x, cy: floor, r: 2, class: "bnx-foot" }, layer);
    }
    this.text(0, floor + 22, g.narrow ? "a needle a layer: length and turn of W" : "the weights, a needle a layer: its length, and how far it has turned", "bnx-quiet", "start");
  }

  // The river from above, a row a step.
  drawWhen() {
    const { g, data } = this;
    const { frames } = data;
    const canvas = this.when;
    canvas.style.marginLeft = `${g.left}px`;
    canvas.style.width = `${g.pitch * data.depth}px`;
    canvas.width = data.depth;
    canvas.height = frames.length;
    const pen = canvas.getContext("2d");
    const top = Math.log2(Math.max(data.most ?? 2, 2));
    const dark = getComputedStyle(this.root).colorScheme === "dark" || matchMedia("(prefers-color-scheme: dark)").matches;
    frames.forEach(({ rms }, row) => rms.forEach((ratio, i) => {
      const share = Math.max(0, Math.min(1, Math.log2(Math.max(ratio ?? 1e-9, 1e-9)) / top));
      pen.fillStyle = `hsl(207 ${60 + 20 * share}% ${dark ? 22 + 50 * share : 90 - 68 * share}%)`;
      pen.fillRect(i, row, 1, 1);
    }));
  }

  drawLoss(frame) {
    const { data } = this;
    const width = this.side.clientWidth || 260;
    const high = 84;
    setAttribute(this.loss, "viewBox", `0 0 ${width} ${high + 22}`);
    setAttribute(this.loss, "width", width);
    setAttribute(this.loss, "height", high + 22);
    if (!this.lossLayer) this.lossLayer = draw("g", {}, this.loss);
    const most = Math.max(0.8, ...data.losses.map(([, loss]) => loss ?? 0));
    const x = (step) => 4 + (step / Math.max(1, data.total)) * (width - 8);
    const y = (loss) => 16 + high * (1 - Math.min(loss, 2) / Math.min(most, 2));
    this.lossPen.begin(this.lossLayer);
    const put = (tag, attributes, text) => this.lossPen.draw(tag, attributes, this.lossLayer, text);
    put("line", { x1: 4, x2: width - 4, y1: y(0.693), y2: y(0.693), class: "bnx-guess" });
    put("text", { x: width - 4, y: y(0.693) - 5, class: "bnx-text bnx-quiet", "text-anchor": "end" }, "guessing 0.69");
    put("path", { d: data.losses.map(([step, loss], i) => `${i ? "L" : "M"}${x(step).toFixed(1)} ${y(loss ?? 2).toFixed(1)}`).join(""), class: "bnx-loss" });
    put("circle", { cx: x(frame.step), cy: y(Number(frame.loss.replace("−", "-"))), r: 4, class: "bnx-dot" });
    put("text", { x: 4, y: 12, class: "bnx-text bnx-quiet", "text-anchor": "start" }, "loss");
    this.lossPen.end();
  }

  drawSide(frame) {
    setText(this.now, `loss ${frame.loss}, ${frame.right} right`);
    const rows = [...PARTS, ["handed", "handed on, of 100", 0]];
    while (this.legend.rows.length < rows.length) {
      const row = this.legend.insertRow();
      const [key] = rows[this.legend.rows.length - 1];
      make("i", `bnx-key bnx-${key}`, row.insertCell());
      row.insertCell();
      row.insertCell();
    }
    rows.forEach(([name, said, sign], i) => {
      const { cells } = this.legend.rows[i];
      setText(cells[1], said);
      setText(cells[2], (sign < 0 ? "−" : sign > 0 && !frame.budget[name].startsWith("−") ? "+" : "") + frame.budget[name]);
    });
    const turned = frame.turn.map((v) => v ?? 0);
    const early = Math.min(1, turned.length - 1);
    setText(this.weights, `Means of all layers but the first and the last. Weights turned: layer ${early + 1} by ${number(turned[early], false, 0)}°, layer ${turned.length} by ${number(turned.at(-1), false, 0)}°.`);
  }
}
