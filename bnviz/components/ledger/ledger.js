// The gradient ledger: places the numbers that Python computed, and explains each where it is
// pointed at. It computes nothing of the gradient.

import { fillSlots, make, setAttribute, setMath, setText } from "../bnviz.common/dom.js";
import { isExact, number, real } from "../bnviz.common/numbers.js";

export class Ledger {
  constructor(stage) {
    this.stage = stage;
    this.explain = make("p", "bnl-explain", stage.root);
    this.explain.setAttribute("role", "status");
    this.root = make("div", "bnl", stage.root);
    this.root.setAttribute("data-ledger", "");
    this.tabs = make("div", "bnl-tabs", this.root);
    this.tabs.setAttribute("role", "group");
    this.tabs.setAttribute("aria-label", "Columns shown");
    this.tableBox = make("div", "bnl-table", this.root);
    this.results = make("div", "bnl-results", this.root);
    this.results.setAttribute("aria-hidden", "true"); // the row of sums says it already
    this.hidden = make("p", "bnl-help", this.root);
    this.help = make(
      "p",
      "bnl-help",
      this.root,
      "Drag a shaded bar, or step it with the arrow keys (Shift coarse, Alt fine). Type a number " +
        "to set it, Home brings it back, Escape lets go. Ctrl and the arrows walk the table.",
    );
    this.pointed = null;
  }

  update({ ledger, heads, tab, river, first, table }) {
    this.root.hidden = this.explain.hidden = !table;
    if (!table) return;
    // Between the river and the table it serves both; without a river it stands below.
    const below = !river || first === "ledger";
    if (below && this.explain.nextSibling === this.root) this.root.after(this.explain);
    const terms = heads.map((group) => group.columns.map((column) => column.term));
    const totals = Object.keys(ledger.sums);
    const shape = JSON.stringify([ledger.rows, ledger.editable, ledger.neuron, ledger.input, terms, totals]);
    this.data = ledger;
    this.heads = heads;
    if (tab !== this.opened) {
      this.tab = this.opened = tab;
      this.drawTabs();
    }
    if (shape !== this.shape) {
      this.shape = shape;
      this.build();
    }
    if (!this.stage.hold.gesture || !this.scales) this.scales = ledger.scales;
    this.draw();
  }

  // ---- Building ----------------------------------------------------------------

  build() {
    const { rows, colors } = this.data;
    const { heads } = this;
    const focused = this.root.contains(document.activeElement)
      ? document.activeElement.dataset.key
      : null;
    this.tableBox.replaceChildren();
    this.cells = {};
    this.sums = {};
    this.numbers = {};
    this.headCells = {};
    this.columns = heads.flatMap((group) => group.columns.map((column) => ({ ...column, group: group.tab, of: group })));
    this.byTerm = Object.fromEntries(this.columns.map((column) => [column.term, column]));
    this.buildTabs();

    const table = make("table", "", this.tableBox);
    this.caption = make("caption", "bns-hidden", table);
    // The first row spans groups, so the widths stand in columns of their own.
    const widths = make("colgroup", "", table);
    make("col", "bnl-narrow", widths);
    for (const { group } of this.columns) {
      make("col", group > 2 ? "bnl-wide" : "", widths).dataset.group = group;
    }
    const thead = make("thead", "", table);
    const groupRow = make("tr", "bnl-groups", thead);
    make("td", "", groupRow);
    for (const group of heads) {
      const th = make("th", "bnl-first", groupRow, group.title);
      th.colSpan = group.columns.length;
      th.scope = "colgroup";
      th.dataset.group = group.tab;
    }
    const headRow = make("tr", "bnl-heads", thead);
    const corner = make("th", "", headRow);
    corner.scope = "col";
    make("span", "bns-hidden", corner, "Sample");
    const numberRow = make("tr", "bnl-numbers", thead);
    const one = make("th", "", numberRow, "same for all rows");
    one.scope = "row";
    this.columns.forEach((column) => {
      const first = this.isFirst(column) ? " bnl-first" : "";
      const th = make("th", first, headRow);
      th.scope = "col";
      th.dataset.group = column.group;
      th.title = column.sentence;
      setMath(make("span", "bnl-symbol", th), column.math);
      const short = make("span", "bnl-short", th, this.data.shorts[column.term] ?? column.short);
      if (column.rule) setMath(short, column.rule);
      this.headCells[column.term] = th;
      const td = make("td", first, numberRow);
      td.dataset.group = column.group;
      this.numbers[column.term] = { td, value: null };
      if (column.number) {
        setMath(make("span", "", td), column.number);
        this.numbers[column.term].value = make("span", "", td);
      }
    });

    const tbody = make("tbody", "", table);
    rows.forEach((sample, r) => {
      const tr = make("tr", "", tbody);
      const th = make("th", "bnl-sample", tr);
      th.scope = "row";
      make("i", "bnl-dot", th).style.background = colors[r];
      make("span", "", th, String(sample + 1));
      for (const column of this.columns) this.buildCell(tr, column, r, sample, colors[r]);
    });

    this.buildSums(table);
    this.rove((this.sums.dx ?? this.cells[this.columns.at(-1).term][0]).td);
    if (focused) this.root.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }

  // The row of sums, as far as they are shown.
  buildSums(table) {
    if (!Object.keys(this.data.sums).length) return;
    const foot = make("tr", "", make("tfoot", "", table));
    const sigma = make("th", "", foot, "Σ");
    sigma.scope = "row";
    for (const column of this.columns) {
      if (!this.data.sums[column.term]) {
        this.place(foot, column, "");
        continue;
      }
      const td = this.place(foot, column, `${column.term}:sum`);
      td.dataset.sum = column.term;
      td.tabIndex = -1;
      const box = make("div", "bnl-sum", td);
      this.sums[column.term] = {
        td,
        box,
        text: make("b", "", box),
        note: make("span", "", box),
      };
      this.watch(td, { sum: column.term });
    }
  }

  isFirst(column) {
    return column.term === column.of.columns[0].term;
  }

  place(tr, column, key) {
    const td = make("td", this.isFirst(column) ? "bnl-first" : "", tr);
    td.dataset.group = column.group;
    td.dataset.key = key;
    return td;
  }

  buildCell(tr, column, r, sample, color) {
    const slider = this.data.editable.includes(column.term);
    const td = this.place(tr, column, slider ? "" : `${column.term}:${r}`);
    td.dataset.term = column.term;
    td.dataset.row = sample;
    const box = make("div", "bnl-box", td);
    const track = make("div", "bnl-track", box);
    const bar = make("i", "bnl-bar", track);
    bar.style.background = color;
    const cell = { td, box, bar, number: make("span", "bns-number", box), focus: td };
    (this.cells[column.term] ??= [])[r] = cell;
    if (slider) {
      td.removeAttribute("data-key");
      box.dataset.key = `${column.term}:${r}`;
      cell.focus = box;
      td.classList.add("bnl-edit");
      this.stage.hold.makeSlider(box, {
        term: column.term,
        row: sample,
        label: `${column.symbol}, sample ${sample + 1}`,
        value: () => this.data.cells[column.term][r],
        step: () => this.data.steps[column.term],
        reach: () => track.clientWidth / 2,
        scale: () => this.scales[column.term],
        show: (value) => this.placeBar(cell, value, this.scales[column.term]),
        number: cell.number,
        places: () => this.data.places[column.term],
      });
    } else {
      td.tabIndex = -1;
    }
    this.watch(td, { term: column.term, r });
  }

  // On a phone the groups are shown one at a time; the two results stay in sight.
  buildTabs() {
    this.tabs.replaceChildren();
    const names = { 2: "Paths", 3: "Result" };
    for (const { tab, title } of this.heads) {
      if (this.tabs.lastChild?.tab === tab) continue;
      const button = make("button", "bns-button", this.tabs, names[tab] ?? title);
      button.type = "button";
      button.tab = tab;
      button.onclick = () => {
        this.tab = tab;
        this.drawTabs();
      };
    }
    this.drawTabs();
  }

  drawTabs() {
    setAttribute(this.root, "data-tab", this.tab);
    this.tabs.hidden = this.tabs.children.length < 2;
    for (const button of this.tabs.children) setAttribute(button, "aria-pressed", button.tab === this.tab);
  }

  // ---- Drawing -----------------------------------------------------------------

  text(term, r) {
    return number(this.data.cells[term][r], true, this.data.places[term]);
  }

  total(term) {
    const { v, zero } = this.data.sums[term];
    return zero ? "0" : number(v, true, this.data.places[term]);
  }

  draw() {
    const { data, root } = this;
    setAttribute(root, "data-hide", data.hide);
    setAttribute(root, "data-columns", this.columns.length);
    setText(this.hidden, data.hidden);
    for (const name of ["n", "gamma", "eps", "neuron", "input"]) {
      setAttribute(root, `data-${name}`, data[name]);
    }
    setText(
      this.caption,
      `Gradient ledger of neuron ${data.neuron + 1} and input ${data.input + 1}: a row for each ` +
        "sample, a column for each quantity, and their sums.",
    );
    for (const { term } of this.columns) {
      const values = data.cells[term];
      this.cells[term].forEach((cell, r) => {
        setAttribute(cell.td, "data-value", values[r]);
        if (this.stage.hold.shows(cell.number)) return;
        const text = this.text(term, r);
        setText(cell.number, text);
        this.placeBar(cell, values[r], this.scales[term]);
        if (cell.focus !== cell.td) {
          this.stage.hold.describe(cell.focus, values[r], text, this.scales[term]);
        }
      });
      if (data.sums[term]) this.drawSum(term);
      const known = data.numbers[term];
      if (known) {
        const { td, value } = this.numbers[term];
        setText(value, ` = ${number(known.v)}`);
        setAttribute(td, "data-number", known.term);
        setAttribute(td, "data-value", known.v);
      }
    }
    this.drawResults();
    this.drawExplanation();
  }

  placeBar(cell, value, scale) {
    const share = Math.max(-1, Math.min(1, Number(value) / scale || 0));
    if (cell.share === share) return;
    cell.share = share;
    const width = Math.abs(share) * 50;
    cell.bar.style.marginLeft = `${share < 0 ? 50 - width : 50}%`;
    cell.bar.style.width = `${width}%`;
    cell.bar.classList.toggle("bnl-over", Math.abs(Number(value)) > scale * 1.0001);
  }

  drawSum(term) {
    const sum = this.data.sums[term];
    const cell = this.sums[term];
    setAttribute(cell.td, "data-value", sum.v);
    setAttribute(cell.box, "data-tone", sum.tone);
    setText(cell.text, `Σ = ${this.total(term)}`);
    setText(cell.note, sum.note);
  }

  drawResults() {
    const { dx, dweight } = this.data.sums;
    this.results.replaceChildren();
    const shown = [];
    if (dx) shown.push([this.byTerm.dx.symbol, "dx", dx]);
    if (dweight) shown.push([this.byTerm.dweight.total, "dweight", dweight]);
    for (const [symbol, term, sum] of shown) {
      const box = make("span", "bnl-sum", this.results);
      box.dataset.tone = sum.tone;
      make("span", "", box, symbol);
      make("b", "", box, `Σ = ${this.total(term)}`);
    }
  }

  // ---- Explaining --------------------------------------------------------------

  watch(td, what) {
    td.onpointerenter = (event) => {
      if (event.pointerType === "mouse" && !this.stage.hold.gesture) this.stage.point(what);
    };
    td.onpointerleave = () => {
      if (!this.stage.hold.gesture) this.stage.point(this.focusedOn ?? null);
    };
    td.onfocus = () => this.focusOn(what, td);
    td.addEventListener("focusin", () => this.focusOn(what, td));
    td.addEventListener("focusout", () => {
      this.focusedOn = null;
    });
    td.onkeydown = (event) => this.walk(event, what);
    td.onclick = () => this.stage.point(what, true);
  }

  focusOn(what, td) {
    this.focusedOn = what;
    if (!what.term || !td.classList.contains("bnl-edit")) this.rove(td);
    this.stage.point(what, true);
  }

  rove(td) {
    if (this.roving) this.roving.tabIndex = -1;
    this.roving = td;
    td.tabIndex = 0;
  }

  light(what, aloud) {
    if (this.root.hidden || !this.data) return; // the river is drawn first, and may be pointed at
    setAttribute(this.explain, "aria-live", aloud && !this.stage.hold.gesture ? "polite" : "off");
    this.pointed = what;
    this.drawExplanation();
  }

  // A number in a formula: with more digits than in its column, so that the result can be
  // checked; what is not all of a number makes the formula an approximate one.
  slot(part, column, r) {
    const { cells, numbers, n, deviation, places } = this.data;
    if (part === "n") return { text: String(n), exact: true };
    const known = Object.values(numbers).find((entry) => entry.term === part);
    const value = part === "deviation" ? deviation[r] : (cells[part]?.[r] ?? known.v);
    const own = part === column.term;
    const brief = number(value, own, places[part] ?? 2);
    const text = own || isExact(brief, value) ? brief : number(value, false, (places[part] ?? 2) + 2);
    return { text, exact: isExact(text, value) };
  }

  // The equation of a cell, and this row's numbers in the place of its letters.
  worked(place, column, r) {
    const math = setMath(place, column.worked);
    const numbers = {};
    let exact = true;
    for (const { dataset } of math.querySelectorAll("[data-slot]")) {
      const part = dataset.slot === "dweight_per_sample" ? "dweight" : dataset.slot;
      const slot = this.slot(part, column, r);
      numbers[dataset.slot] = slot.text;
      exact &&= slot.exact;
    }
    fillSlots(math, numbers);
    const signs = [...math.querySelectorAll("mo")].filter((sign) => /[=≈]/.test(sign.textContent));
    setText(signs[signs.length - 1], exact ? "=" : "≈");
    // What a phone may have to scroll, keys have to reach; its letters may come after this.
    if (this.root.clientWidth < 760) place.tabIndex = 0;
  }

  drawExplanation() {
    const what = this.pointed ?? { term: this.data.told, r: this.data.rows.indexOf(this.data.spotlight) };
    // The same cell as before: only its numbers are new, and the formula stands.
    const same = JSON.stringify([what, this.pointed === null, this.shape]);
    if (same === this.explained && !what.sum) {
      this.explainNumbers(this.byTerm[what.term], what.r);
      return;
    }
    this.explained = same;
    for (const lit of this.root.querySelectorAll(".bnl-lit, .bnl-here")) {
      lit.classList.remove("bnl-lit", "bnl-here");
    }
    this.explain.replaceChildren();
    if (this.data.sums[what.sum]) this.explainSum(what.sum);
    else if (this.cells[what.term]?.[what.r]) this.explainCell(this.byTerm[what.term], what.r);
  }

  explainNumbers(column, r) {
    if (!column || !this.explainPlace || !this.cells[column.term]?.[r]) return;
    if (column.worked) this.worked(this.explainPlace, column, r);
    else setText(this.explainPlace, this.text(column.term, r));
  }

  explainCell(column, r) {
    const lit = this.pointed !== null;
    make("i", "bnl-dot", this.explain).style.background = this.data.colors[r];
    make("b", "", this.explain, `Sample ${this.data.rows[r] + 1}`);
    setMath(make("span", "bnl-explain-name", this.explain), column.inline);
    make("span", "", this.explain, " = ");
    this.explainPlace = make(column.worked ? "span" : "b", column.worked ? "bnl-explain-math" : "", this.explain);
    this.explainNumbers(column, r);
    make("span", "bnl-quiet", this.explain, this.data.locked[column.term] ?? column.sentence);
    if (!lit) return;
    this.cells[column.term][r].td.classList.add("bnl-here");
    for (const term of column.row) this.cells[term]?.[r]?.td.classList.add("bnl-lit");
    for (const term of column.column) {
      for (const cell of this.cells[term] ?? []) cell.td.classList.add("bnl-lit");
    }
    if (this.data.numbers[column.term]) this.numbers[column.term].td.classList.add("bnl-lit");
  }

  explainSum(term) {
    const column = this.byTerm[term];
    const { cells, sums, n, rows, places } = this.data;
    const sum = sums[term];
    let exact = n === rows.length;
    const parts = cells[term].map((value, index) => {
      const text = number(value, false, places[term]);
      exact &&= isExact(text, value);
      if (!index) return text;
      return text.startsWith("−") ? `− ${text.slice(1)}` : `+ ${text}`;
    });
    const more = n > rows.length ? ` + … (${n} samples in all)` : "";
    const total = this.total(term);
    const sign = exact && isExact(total, sum.v) ? "=" : "≈";
    make("b", "", this.explain, "Σ ");
    setMath(make("span", "", this.explain), column.inline);
    make("span", "", this.explain, ` = ${parts.join(" ")}${more} ${sign} `);
    make("b", "", this.explain, total);
    const residue = real(sum.v) === 0 ? "exactly 0" : `${number(sum.v)}`;
    const rounding = sum.zero ? `added up here: ${residue}; rounding allows ${number(sum.bound)}` : "";
    make("span", "bnl-quiet", this.explain, [sum.note, rounding].filter(Boolean).join("; "));
    this.sums[term].td.classList.add("bnl-here");
    for (const cell of this.cells[term]) cell.td.classList.add("bnl-lit");
  }

  walk(event, what) {
    const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    const move = moves[event.key];
    const onSlider = event.target.getAttribute("role") === "slider";
    if (!move || event.target.tagName === "INPUT") return;
    if (onSlider && !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    const rows = this.data.rows.length;
    const r = (what.sum ? rows : what.r) + move[0];
    const last = (term) => (this.sums[term] ? rows : rows - 1);
    let c = this.columns.findIndex((column) => column.term === (what.sum ?? what.term));
    do {
      c += move[1];
    } while (this.columns[c] && move[1] && !this.headCells[this.columns[c].term].offsetParent);
    const column = this.columns[c];
    if (!column || r < 0 || r > last(column.term)) return;
    const target = r === rows ? this.sums[column.term].td : this.cells[column.term][r].focus;
    target.focus();
  }
}
