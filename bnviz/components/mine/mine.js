// A gradient that was handed in, beside the right one: two rivers, their ledger, and each neuron
// by its three paths. It only places what Python computed.

import { make, setMath, setText, unbroken } from "../bnviz.common/dom.js";
import { real } from "../bnviz.common/numbers.js";
import { Rivers } from "./rivers.js";

const pictures = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  let picture = pictures.get(parentElement);
  if (!picture) {
    picture = new Mine(parentElement);
    pictures.set(parentElement, picture);
  }
  picture.look = (neuron) => setTriggerValue("look", neuron);
  picture.update(new TextDecoder().decode(data));
}

class Mine {
  constructor(parent) {
    this.root = make("section", "bnm", parent);
    this.root.setAttribute("data-mine", "");
    this.heading = make("h2", "bnm-heading", this.root);
    this.total = make("p", "bnm-text", this.root);
    const figure = make("figure", "bnm-figure", this.root);
    this.rivers = new Rivers(figure);
    this.legend = make("figcaption", "bnm-note", figure);
    const tables = make("div", "bnm-tables", this.root);
    this.ledger = make("div", "", tables);
    this.neurons = make("div", "", tables);
    this.root.onpointerover = (event) => this.light(event.target.closest("[data-row]")?.dataset.row ?? null);
    this.root.onpointerleave = () => this.light(null);
    new ResizeObserver(() => this.draw()).observe(figure);
  }

  update(text) {
    if (text === this.text) return;
    this.text = text;
    this.data = JSON.parse(text);
    const { said } = this.data;
    setText(this.heading, unbroken(said.headline));
    setText(this.total, unbroken(said.total));
    setText(this.legend, unbroken(said.legend));
    this.drawLedger();
    this.drawNeurons();
    this.width = 0;
    this.draw();
  }

  draw() {
    const width = this.rivers.svg.parentElement.clientWidth;
    if (!this.data || !width || width === this.width) return;
    this.width = width;
    this.rivers.draw(width, this.data);
  }

  light(row) {
    if (row === "") row = null;
    if (row === this.lit) return;
    this.lit = row;
    this.rivers.light(row);
    for (const tr of this.ledger.querySelectorAll("tr[data-row]")) tr.classList.toggle("bnm-lit", tr.dataset.row === row);
  }

  drawLedger() {
    const { ledger, formulas, rows, colors, said } = this.data;
    this.ledger.replaceChildren();
    const table = make("table", "bnm-ledger", this.ledger);
    make("caption", "bnm-hidden", table, "Yours beside the right one, sample by sample");
    const head = make("tr", "", make("thead", "", table));
    make("span", "bnm-hidden", this.column(head), "sample");
    for (const name of ["right", "mine", "away"]) {
      const th = this.column(head);
      if (name !== "away") setMath(make("span", "bnm-symbol", th), formulas.dx);
      make("span", "bnm-short", th, { right: "right", mine: "yours", away: "difference" }[name]);
    }
    const body = make("tbody", "", table);
    ledger.lines.forEach((line, r) => {
      const tr = make("tr", line.furthest ? "bnm-furthest" : "", body);
      tr.dataset.row = line.row;
      const th = make("th", "", tr);
      th.scope = "row";
      make("i", "bnm-dot", th).style.background = colors[r];
      make("span", "", th, String(rows[r] + 1));
      for (const name of ["right", "mine", "away"]) this.cell(tr, name, line, ledger.scales[name], colors[r]);
    });
    const foot = make("tr", "", make("tfoot", "", table));
    make("th", "", foot, "Σ").scope = "row";
    for (const name of ["right", "mine", "away"]) {
      const { v, t, zero } = ledger.sums[name];
      const td = make("td", "", foot);
      td.dataset.sum = name;
      td.dataset.value = v;
      make("b", `bnm-sum ${name === "away" ? "" : zero ? "bnm-zero-sum" : "bnm-alarm-sum"}`, td, t);
    }
    if (said.shown) make("p", "bnm-note", this.ledger, said.shown);
  }

  column(tr) {
    const th = make("th", "", tr);
    th.scope = "col";
    return th;
  }

  cell(tr, name, line, scale, color) {
    const { v, t } = line[name];
    const td = make("td", "", tr);
    td.dataset.cell = name;
    td.dataset.value = v;
    const box = make("div", "bnm-cell", td);
    const track = make("span", "bnm-track", box);
    const share = Math.max(-1, Math.min(1, real(v) / scale)) || 0;
    const bar = make("i", share < 0 ? "bnm-bar bnm-minus" : "bnm-bar", track);
    bar.style.color = name === "away" ? "var(--bnm-sum)" : color;
    bar.style.width = `${Math.abs(share) * 50}%`;
    bar.style.marginLeft = `${share < 0 ? 50 + share * 50 : 50}%`;
    make("span", "bnm-number", box, t);
    if (name !== "away") return;
    const mark = make("span", line.off ? "bnm-mark bnm-red" : "bnm-mark bnm-green", box, line.off ? "✗" : "✓");
    if (line.furthest) mark.append(make("span", "", undefined, " furthest off"));
  }

  drawNeurons() {
    const { neurons, neuron } = this.data;
    const focused = this.neurons.contains(document.activeElement);
    this.neurons.replaceChildren();
    const table = make("table", "bnm-paths", this.neurons);
    make("caption", "bnm-hidden", table, "How often each of the three paths counts, neuron by neuron");
    const head = make("tr", "", make("thead", "", table));
    for (const name of ["neuron", "① direct", "② via σ²", "③ via μ", "left over"]) this.column(head).textContent = name;
    const body = make("tbody", "", table);
    const right = make("tr", "bnm-quiet", body);
    for (const content of ["right", "1", "1", "1", "nothing"]) make(content === "right" ? "th" : "td", "", right, content);
    for (const one of neurons) {
      const here = one.neuron === neuron;
      const tr = make("tr", here ? "bnm-here" : "", body);
      const th = make("th", "", tr);
      th.scope = "row";
      const name = `${here ? "▸ " : ""}neuron ${one.name}`;
      if (neurons.length === 1) th.textContent = name;
      else {
        const button = make("button", "bnm-name", th, name);
        button.type = "button";
        button.setAttribute("aria-pressed", here);
        button.onclick = () => this.look(one.neuron);
        if (here && focused) button.focus();
      }
      one.cells.forEach((content, i) => make("td", one.alarms[i] ? "bnm-b" : "", tr, content));
      make("td", "", tr, one.rest);
    }
  }
}
