// The neurons of a layer, or the layers of a network, a row each: places what Python surveyed, and says which one is chosen.

import { draw, make, setMath, unbroken } from "../bnviz.common/dom.js";

const tables = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  let table = tables.get(parentElement);
  if (!table) {
    table = new Neurons(parentElement);
    tables.set(parentElement, table);
  }
  table.look = (neuron) => setTriggerValue("look", neuron);
  table.update(new TextDecoder().decode(data));
}

class Neurons {
  constructor(parent) {
    this.root = make("section", "bnn", parent);
    this.root.setAttribute("data-neurons", "");
    this.box = make("div", "", this.root);
    this.more = make("button", "bnn-more", this.root);
    this.more.type = "button";
    this.more.onclick = () => {
      const next = this.shown;
      this.shown = this.data.rows.length;
      this.draw();
      this.box.querySelectorAll("tbody button")[next]?.focus();
    };
  }

  update(text) {
    if (text === this.text) return;
    this.text = text;
    this.data = JSON.parse(text);
    this.what = this.data.what ?? "Neuron";
    this.root.setAttribute("data-neurons", this.what);
    this.root.setAttribute("aria-label", `A row for each ${this.what.toLowerCase()}`);
    this.shown = Math.min(this.data.first, this.data.rows.length);
    this.draw();
  }

  draw() {
    const { heads, rows, count, order } = this.data;
    this.box.replaceChildren();
    if (this.data.images) this.images(this.data.images);
    const table = make("table", "", this.box);
    make("caption", "bnn-hidden", table, `A row for each ${this.what.toLowerCase()}, ${order}.`);
    const top = make("tr", "", make("thead", "", table));
    this.head(top, unbroken(order), "name").textContent = this.what;
    for (const { m, short, name } of heads) setMath(this.head(top, short, name), m);
    const body = make("tbody", "", table);
    for (const row of rows.slice(0, this.shown)) this.row(body, row);
    this.more.hidden = this.shown >= rows.length;
    this.more.textContent =
      rows.length < count
        ? `Show the ${rows.length} of ${count} that stand out most`
        : `Show all ${rows.length}`;
  }

  images({ side, ink, caption }) {
    const figure = make("figure", "bnn-images", this.box);
    const space = side + 2;
    const viewBox = `0 0 ${space * ink.length} ${side}`;
    const svg = draw("svg", { viewBox, role: "img", "aria-label": caption }, figure);
    ink.forEach((pixels, n) => {
      for (const [x, y, opacity] of pixels) {
        const place = { x: n * space + x, y, width: 1, height: 1 };
        draw("rect", { ...place, opacity, fill: "currentColor" }, svg);
      }
    });
    make("figcaption", "bnn-small", figure, caption);
  }

  head(tr, short, name) {
    const th = make("th", "", tr);
    th.scope = "col";
    th.dataset.column = name;
    const symbol = make("span", "bnn-symbol", th);
    make("span", "bnn-short", th, short);
    return symbol;
  }

  row(body, row) {
    const tr = make("tr", row.words ? "bnn-said" : "", body);
    tr.dataset.neuron = row.neuron;
    const th = make("th", "", tr);
    th.scope = "row";
    const button = make("button", "bnn-name", th, row.name ?? String(row.neuron + 1));
    button.type = "button";
    button.setAttribute("aria-label", row.called ?? `Neuron ${row.neuron + 1}: open its ledger`);
    tr.onclick = () => this.look(row.neuron);
    for (const { name, kind } of this.data.heads) {
      const td = make("td", "", tr);
      td.dataset.column = name;
      if (kind === "wide") this.parts(td, row);
      else this.cell(td, row.cells[name]);
    }
    if (!row.words) return;
    // What stands out, in a line of its own: there is room for it on a phone as well.
    const note = make("tr", "bnn-note", body);
    note.onclick = tr.onclick;
    make("td", "", note, unbroken(row.words)).colSpan = this.data.heads.length + 1;
  }

  cell(td, { v, t, bar, small }) {
    td.dataset.value = v;
    if (bar !== null) {
      const track = make("div", "bnn-track", td);
      make("i", "bnn-bar", track).style.width = `${100 * bar}%`;
    }
    const zero = small !== undefined;
    make("span", zero ? "bnn-number bnn-zero" : "bnn-number", td, t);
    if (zero) make("span", "bnn-small", td, small);
  }

  parts(td, { parts, nothing }) {
    if (!parts.length) {
      make("span", "bnn-small", td, unbroken(nothing));
      return;
    }
    const track = make("div", "bnn-stack", td);
    const text = make("div", "bnn-legend", td);
    parts.forEach(({ name, share, t }, index) => {
      const piece = make("i", `bnn-part bnn-part-${index}`, track);
      piece.style.width = `${100 * share}%`;
      const label = make("span", "", text);
      make("i", `bnn-key bnn-part-${index}`, label);
      make("span", "", label, `${name} `);
      make("b", "", label, t);
      label.dataset.share = share;
    });
  }
}
