// Beside the rows: what the network says of its data, the loss, the legend, and one layer opened.

import { draw, make, setText, unbroken } from "../bnviz.common/dom.js";
import { number } from "../bnviz.common/numbers.js";
import { isDark } from "./rows.js";

const SIDE = 28; // of the surface

export class Side {
  constructor(box, owner) {
    this.box = box;
    this.owner = owner;
    const first = make("div", "bnt-says", box);
    this.says = first;
    this.canvas = make("canvas", "", first);
    this.canvas.setAttribute("role", "img");
    this.images = draw("svg", { viewBox: "0 0 40 40", class: "bnt-images", role: "img" }, first);
    const words = make("div", "", first);
    this.about = make("p", "bnt-quiet", words);
    this.loss = make("p", "bnt-loss", words);
    this.right = make("p", "", words);
    this.curve = draw("svg", { height: 70, role: "img", class: "bnt-curve" }, box);
    const legend = make("table", "bnt-legend", box);
    this.caption = make("caption", "", legend);
    this.legend = ["back", "stopped", "one", "hat", "handed"].map((name) => {
      const row = make("tr", "", legend);
      const th = make("th", "", row);
      th.scope = "row";
      make("i", `bnt-key bnt-key-${name}`, th);
      return [make("span", "", th), make("td", "", row), row];
    });
    const table = make("table", "bnt-lengths", box);
    const head = make("tr", "", make("thead", "", table));
    for (const text of ["layer", "|W|", "turn", "η/|W|²", "σ"]) make("th", "", head, text).scope = "col";
    this.lengths = [0, 1].map(() => {
      const row = make("tr", "", table);
      return [make("th", "", row), ...Array.from({ length: 4 }, () => make("td", "", row))];
    });
    this.explains = make("p", "bnt-quiet", box);
    this.sigmas = [...table.querySelectorAll(":is(th, td):last-child")];
    const opened = make("div", "bnt-opened", box);
    const title = make("h2", "", opened);
    const pick = make("label", "", title);
    make("span", "", pick, "Layer ");
    this.layer = make("select", "", pick);
    this.layer.setAttribute("aria-label", "Layer to open");
    this.layer.onchange = () => owner.choose(Number(this.layer.value));
    make("span", "", title, ", opened");
    this.flow = draw("svg", { height: 140, role: "img", class: "bnt-flow" }, opened);
    this.said = make("p", "", opened);
    const into = make("p", "bnt-into", opened);
    const neuron = make("label", "", into);
    make("span", "", neuron, "Neuron ");
    this.neuron = make("select", "", neuron);
    this.open = make("button", "bnt-link", into, "in the river →");
    this.open.type = "button";
    this.open.onclick = () => {
      const which = this.neuron.value === "" ? {} : { neuron: Number(this.neuron.value) };
      owner.send({ kind: "open", layer: owner.layer, ...which });
    };
    this.into = into;
    this.hidden = make("table", "", make("div", "bnt-hidden", box));
  }

  draw(frame, settled) {
    const { data } = this.owner;
    const { still } = data;
    const { words } = frame;
    setText(this.loss, `loss ${words.loss}`);
    setText(this.right, words.right);
    this.drawSurface(frame, settled);
    this.drawLoss(frame, settled);
    const names = [`back by ${still.gives}`, "stopped by the activation", "leaves along 1 (μ)", "leaves along x̂ (σ²)", "handed on, of 100"];
    setText(this.caption, still.depth > 3 ? `in squares, mean of layers 3–${still.depth - 1}` : "in squares");
    this.legend.forEach(([name, value, row], n) => {
      row.hidden = !still.normed && (n === 2 || n === 3);
      setText(name, names[n]);
      setText(value, words.means ? words.means[n] : "–");
    });
    [still.near, still.depth - 1].forEach((layer, n) => {
      const cell = (name) => this.owner.cell(frame, layer, name);
      const rate = (cell("pace") * still.rates[layer]);
      const texts = [String(layer + 1), number(cell("length"), false, 1), `${cell("turn").toFixed(0)}°`, number(rate, false, 4), `×${number(cell("sigma"), false, 1)}`];
      this.lengths[n].forEach((td, i) => setText(td, texts[i]));
    });
    const rate = "The bar under a needle is η/|W|², the rate that the layer feels";
    setText(this.explains, still.normed ? `${rate}; under it σ, here against the start.` : `${rate}.`);
    this.sigmas.forEach((cell) => cell.toggleAttribute("hidden", !still.normed));
    this.drawOpened(frame, settled);
    if (settled) this.table(frame);
  }

  drawSurface(frame, settled) {
    const { surfaces, still } = this.owner.data;
    const known = Object.keys(surfaces).map(Number).filter((step) => step <= frame.step);
    const step = known.length ? Math.max(...known) : undefined;
    this.canvas.hidden = step === undefined;
    this.says.toggleAttribute("data-alone", step === undefined && !still.images);
    this.images.toggleAttribute("hidden", !still.images);
    const at = step === undefined ? "" : step === frame.step ? ", and what the net says elsewhere" : `, and what the net said at step ${step}`;
    setText(this.about, still.points ? `Points of ${still.data}${at}` : still.images ? "Sixteen of 512 digits" : `The data: ${still.data}`);
    if (still.images && settled && !this.images.childNodes.length) {
      this.images.setAttribute("aria-label", "Sixteen of the digits");
      still.images.forEach((ink, n) => ink.forEach((opacity, p) => {
        if (opacity) draw("rect", { x: (n % 4) * 10 + (p % 8), y: Math.floor(n / 4) * 10 + Math.floor(p / 8), width: 1, height: 1, opacity, fill: "currentColor" }, this.images);
      }));
    }
    if (step === undefined || !still.points) return;
    const key = `${this.owner.run} ${step}`;
    if (key === this.surface && !settled) return;
    this.surface = key;
    this.canvas.setAttribute("aria-label", `What the network says over the plane at step ${step}`);
    const size = 140;
    const dense = devicePixelRatio || 1;
    this.canvas.width = this.canvas.height = size * dense;
    const pen = this.canvas.getContext("2d");
    pen.scale(dense, dense);
    const dark = isDark(this.box);
    const sure = Uint8Array.from(atob(surfaces[step]), (c) => c.charCodeAt(0));
    const cell = size / SIDE;
    const [zero, one, paper] = dark ? [[150, 92, 10], [18, 84, 138], [20, 23, 31]] : [[252, 214, 150], [150, 200, 238], [255, 255, 255]];
    sure.forEach((value, n) => {
      const share = value / 255;
      const to = share < 0.5 ? zero : one;
      const far = Math.abs(2 * share - 1);
      pen.fillStyle = `rgb(${paper.map((v, i) => Math.round(v + (to[i] - v) * far)).join(" ")})`;
      pen.fillRect((n % SIDE) * cell, Math.floor(n / SIDE) * cell, cell + 0.5, cell + 0.5);
    });
    still.points.at.forEach(([x, y], n) => {
      pen.beginPath();
      const at = [(size / 2) * (1 + x), (size / 2) * (1 - y)];
      // Two classes by shape as well as by colour.
      if (still.points.label[n]) pen.arc(...at, 2.6, 0, 7);
      else pen.rect(at[0] - 2.2, at[1] - 2.2, 4.4, 4.4);
      pen.fillStyle = still.points.label[n] ? "#0072B2" : "#E69F00";
      pen.strokeStyle = dark ? "#14171f" : "#fff";
      pen.fill();
      pen.lineWidth = 0.7;
      pen.stroke();
    });
  }

  drawLoss(frame, settled) {
    const { frames, data } = this.owner;
    const wide = this.curve.clientWidth || 226;
    const most = Math.max(data.still.guess * 1.7, ...frames.map((f) => f.loss));
    const x = (step) => 5 + (step / Math.max(1, data.last)) * (wide - 10);
    const y = (loss) => 64 - (Math.min(loss, most) / most) * 54;
    if (settled) {
      this.curve.replaceChildren();
      this.curve.setAttribute("aria-label", "The loss at each step");
      const guess = y(data.still.guess);
      draw("line", { x1: 0, x2: wide, y1: 64, y2: 64, class: "bnt-rule" }, this.curve);
      draw("line", { x1: 0, x2: wide, y1: guess, y2: guess, class: "bnt-ghost" }, this.curve);
      draw("text", { x: wide, y: 10, class: "bnt-quiet", "text-anchor": "end" }, this.curve, `dotted: ${data.still.guessing}`);
      draw("text", { x: 0, y: 10, class: "bnt-quiet" }, this.curve, "loss");
      draw("polyline", { points: frames.map((f) => `${x(f.step).toFixed(1)},${y(f.loss).toFixed(1)}`).join(" "), class: "bnt-losses" }, this.curve);
      this.dot = draw("circle", { r: 4.5, class: "bnt-now" }, this.curve);
    }
    this.dot.setAttribute("cx", x(frame.step));
    this.dot.setAttribute("cy", y(frame.loss));
  }

  drawOpened(frame, settled) {
    const { layer, data } = this.owner;
    const { still } = data;
    if (settled && this.layer.childNodes.length !== still.depth) {
      this.layer.replaceChildren();
      for (let l = 0; l < still.depth; l += 1) make("option", "", this.layer, String(l + 1)).value = l;
    }
    if (settled && this.neuron.childNodes.length !== data.width + 1) {
      this.neuron.replaceChildren();
      make("option", "", this.neuron, "with the largest gradient").value = "";
      for (let j = 0; j < data.width; j += 1) make("option", "", this.neuron, String(j + 1)).value = j;
    }
    this.layer.value = layer;
    this.into.hidden = !still.opens || Boolean(data.alone);
    const cell = (name) => this.owner.cell(frame, layer, name);
    const [handed, stopped, one, hat] = ["handed", "stopped", "one", "hat"].map(cell);
    const svg = this.flow;
    svg.replaceChildren();
    const wide = svg.clientWidth || 226;
    const digits = (value) => (Math.abs(value) < 9.95 ? number(value, false, 1) : value.toFixed(0));
    svg.setAttribute("aria-label", `Of 100 in, ${digits(stopped)} are stopped by the activation, ${digits(one)} leave along 1, ${digits(hat)} along x̂; ${digits(handed)} go on`);
    const scale = 0.42;
    const top = 34;
    const left = Math.min(handed, 200) * scale;
    const kept = (100 - stopped) * scale;
    const normed = (100 - stopped - one - hat) * scale;
    const [a, b, c, d] = [0.22, 0.4, 0.7, 0.76].map((share) => share * wide);
    const shape = `M${wide},${top} L${a + 20},${top} C${(a + b) / 2},${top} ${(a + b) / 2},${top} ${a},${top} L0,${top} L0,${top + left} L${a},${top + left} C${(a + b) / 2},${top + left} ${(a + b) / 2},${top + normed} ${b},${top + normed} L${b + 6},${top + kept} L${c},${top + kept} L${d},${top + 100 * scale} L${wide},${top + 100 * scale} Z`;
    draw("path", { d: shape, class: "bnt-stream" }, svg);
    draw("rect", { x: c, y: top + kept, width: 10, height: Math.max(0, stopped * scale), class: "bnt-stopped" }, svg);
    const text = (x, y, words, cls, anchor) => draw("text", { x, y, class: cls, "text-anchor": anchor }, svg, words);
    if (still.normed) {
      text(b + 8, 14, `μ ${digits(one)}`, "bnt-mu", "middle");
      text(b + 64, 14, `σ² ${digits(hat)}`, "bnt-var", "middle");
      draw("line", { x1: b + 8, x2: b + 8, y1: 19, y2: top, class: "bnt-pin-one" }, svg);
      draw("line", { x1: b + 64, x2: b + 64, y1: 19, y2: top, class: "bnt-pin-hat" }, svg);
    }
    const under = top + Math.max(100 * scale, left) + 18;
    text(0, under, `${digits(handed)} out`, "bnt-strong", "start");
    text(wide, top + 100 * scale + 18, "100 in", "bnt-strong", "end");
    text(wide, top + 100 * scale + 36, `${still.stops} ${digits(stopped)}`, "bnt-quiet", "end");
    const kept100 = 100 - stopped - one - hat;
    setText(this.said, kept100 > 0 ? `${still.gives} make what is left ×${number(handed / kept100, false, 1)}` : "Nothing is left of it.");
  }

  // The same for a screen reader, a row a layer.
  table(frame) {
    this.hidden.replaceChildren();
    make("caption", "", this.hidden, unbroken(`Step ${frame.step}: each layer`));
    const names = { handed: "handed on, of 100", stopped: "stopped", turn: "turned, degrees", length: "|W|" };
    const head = make("tr", "", make("thead", "", this.hidden));
    make("th", "", head, "layer").scope = "col";
    for (const name of Object.values(names)) make("th", "", head, name).scope = "col";
    const body = make("tbody", "", this.hidden);
    for (let l = 0; l < this.owner.data.still.depth; l += 1) {
      const row = make("tr", "", body);
      make("th", "", row, String(l + 1)).scope = "row";
      for (const name of Object.keys(names)) {
        const value = this.owner.cell(frame, l, name);
        const td = make("td", "", row, number(value, false, 1));
        td.dataset.term = name;
        td.dataset.layer = l;
        td.dataset.value = value;
      }
    }
  }
}
