// A sum as a little river: each sample joins it in its turn, from the right to the left, and what
// there is so far is as thick as its size. Python added it up; this only places it.

import { draw, make, setAttribute, setMath } from "../bnviz.common/dom.js";
import { finite } from "../bnviz.common/numbers.js";
import { Pen } from "../bnviz.river/pen.js";
import { isLight, ribbon, smooth, thick } from "../bnviz.river/shapes.js";

const GREY = "var(--bnr-sum)";
const [HIGH, LINE, ROOM] = [120, 76, 24]; // of the picture; its zero line; the most above or below
const END = 62; // where the total stands

export class Running {
  constructor(parent) {
    this.root = make("figure", "bnr bnd-running", parent);
    this.root.setAttribute("data-running", "");
    this.head = make("figcaption", "bnd-quiet", this.root);
    make("span", "", this.head, "Added up: ");
    this.term = make("span", "", this.head);
    this.svg = draw("svg", { role: "img" }, this.root);
    this.body = draw("g", {}, this.svg);
    this.pen = new Pen();
    new ResizeObserver(() => this.place()).observe(this.root);
  }

  // hatching: the name of the river's, which it borrows.
  draw(sum, { colors, rows }, hatching) {
    this.hatching = hatching;
    this.root.hidden = !sum;
    if (!sum) return;
    this.sum = sum;
    this.colors = colors;
    this.names = [...rows.map((row) => String(row + 1)), ...(sum.others ? [`+${sum.others}`] : [])];
    setMath(this.term, sum.m);
    setAttribute(this.root, "data-total", sum.partial[sum.partial.length - 1]);
    this.place();
  }

  place() {
    const width = this.root.clientWidth;
    if (!this.sum || !width) return;
    const { sum, svg, pen, body, names } = this;
    const count = names.length;
    const brings = sum.brings.map(finite);
    const partial = sum.partial.map(finite);
    const pitch = (width - END - 14) / count;
    // Numbers stand where they keep clear of each other.
    const longest = Math.max(...[...sum.t, ...sum.sums].map((text) => text.length));
    const dense = pitch < 6.4 * longest + 4;
    const u = ROOM / Math.max(...[...brings, ...partial].map(Math.abs), 1e-300);
    const xOf = (i) => width - 14 - (i + 0.5) * pitch;
    setAttribute(svg, "viewBox", `0 0 ${width} ${dense ? LINE + ROOM + 4 : HIGH}`);
    setAttribute(svg, "aria-label", `${sum.s}, added up: ${[...sum.sums, sum.total].join(", ")}`);
    pen.begin(body);
    const put = (x, y, content, cls, parent = body) =>
      pen.draw("text", { x, y, class: cls, "text-anchor": "middle" }, parent, content);

    // The trunk, from where it is empty to its total.
    const points = [[width - 4, LINE, LINE]];
    let before = 0;
    partial.forEach((after, i) => {
      for (let k = 0; k <= 8; k += 1) {
        const x = xOf(i) + pitch * (0.3 - (0.6 * k) / 8);
        points.push([x, LINE, LINE - thick((before + (after - before) * smooth(k / 8)) * u)]);
      }
      before = after;
    });
    points.push([END - 6, LINE, LINE - thick(before * u)]);
    ribbon(pen, body, points, GREY, `url(#${this.hatching}-sum)`);
    pen.draw("line", { x1: END - 6, x2: width - 4, y1: LINE, y2: LINE, class: "bnr-zero" }, body);

    // What each brings: a strand into it, solid for plus and hatched for minus.
    brings.forEach((value, i) => {
      const x = xOf(i);
      const color = this.colors[i] ?? GREY;
      const group = pen.draw("g", { "data-row": i, "data-value": sum.brings[i], "data-sum": sum.partial[i] }, body);
      const wide = Math.min(pitch - 3, Math.abs(value) * u);
      const edge = LINE - Math.max(0, partial[i] * u, (partial[i - 1] ?? 0) * u) - 2;
      const top = dense ? 20 : 36;
      if (value) {
        const fill = value > 0 ? color : `url(#${this.hatching}-${this.colors[i] ? i : "sum"})`;
        const from = Math.min(top, edge - 6);
        pen.draw("rect", { x: x - Math.max(1, wide) / 2, y: from, width: Math.max(1, wide), height: edge - from, fill, stroke: color, "stroke-width": 0.8 }, group);
      }
      pen.draw("circle", { cx: x, cy: 10, r: Math.min(8.5, pitch / 2 - 0.5), fill: color }, group);
      const tight = dense ? " bnd-tight" : "";
      put(x, dense ? 13.5 : 14.5, names[i], `bnr-in${tight}${isLight(color) ? " bnr-dark" : ""}`, group);
      if (!dense) put(x, 31, sum.t[i], "bnd-brings", group);
      if (!dense && i < count - 1) put(x - pitch / 2, LINE + ROOM + 16, sum.sums[i], "bnr-quiet", group);
    });
    put(END / 2 - 4, LINE + 5, `= ${sum.total}`, `bnd-total${sum.zero ? " bnr-green" : ""}`);
    pen.end();
  }
}
