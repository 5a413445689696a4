// The gradient ledger: places the numbers that Python computed, and sends back what people do.
//
// It computes nothing of the gradient. While a bar is held, it draws the held
// value at once; all else waits for the answer, one question at a time.

import { make, onKeys, setAttribute, setText, unbroken } from "../bnviz.common/dom.js";

const SETTLE_MS = 400; // after the last key of a run of steps
const LOST_MS = 5000; // an answer later than this is not waited for
const SMALLEST_EPS = -12; // a power of ten; below it the dragged ε is 0

const ledgers = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  let ledger = ledgers.get(parentElement);
  if (!ledger) {
    ledger = new Ledger(parentElement);
    ledgers.set(parentElement, ledger);
  }
  ledger.post = (event) => setTriggerValue("event", event);
  ledger.update(JSON.parse(new TextDecoder().decode(data)));
}

// A dragged number without the dust of binary fractions.
const tidy = (value) => Number(value.toPrecision(12));

function roundTo(value, step) {
  return tidy(Math.round(value / step) * step);
}

class Ledger {
  constructor(parent) {
    this.root = make("section", "bnl", parent);
    this.root.setAttribute("data-ledger", "");
    this.root.setAttribute("aria-label", "Gradient ledger");
    this.bar = make("div", "bnl-bar-top", this.root);
    this.preset = this.select(this.bar, "Scenario");
    this.neurons = this.radios(this.bar, "Neuron", "neuron");
    this.inputs = this.radios(this.bar, "Input", "input");
    this.knobs = make("div", "bnl-knobs", this.bar);
    const undoRedo = make("div", "bnl-undo", this.bar);
    this.undo = this.button(undoRedo, "↶", "Undo", "undo");
    this.redo = this.button(undoRedo, "↷", "Redo", "redo");
    this.claim = make("h1", "bnl-claim", this.root);
    this.why = make("p", "bnl-why", this.root);
    this.tabs = make("div", "bnl-tabs", this.root);
    this.tabs.setAttribute("role", "group");
    this.tabs.setAttribute("aria-label", "Columns shown");
    this.tableBox = make("div", "bnl-table", this.root);
    this.results = make("div", "bnl-results", this.root);
    this.results.setAttribute("aria-hidden", "true"); // the row of sums says it already
    this.hidden = make("p", "bnl-help", this.root);
    this.explain = make("p", "bnl-explain", this.root);
    this.explain.setAttribute("role", "status");
    this.notice = make("p", "bnl-notice", this.root);
    this.notice.setAttribute("role", "alert");
    make(
      "p",
      "bnl-help",
      this.root,
      "Drag a shaded bar, or step it with the arrow keys (Shift coarse, Alt fine). Type a number " +
        "to set it, Home brings it back, Escape lets go. Ctrl and the arrows walk the table.",
    );
    this.queue = [];
    this.waiting = 0;
    this.seq = Date.now(); // never an older page's number
    this.gesture = null;
    this.pointed = null;
    onKeys(this.root, (event) => this.globalKey(event));
  }

  button(parent, sign, label, kind) {
    const button = make("button", "bnl-button", parent, sign);
    button.type = "button";
    button.title = label;
    button.setAttribute("aria-label", label);
    button.onclick = () => this.send({ kind });
    return button;
  }

  select(parent, label) {
    const box = make("label", "bnl-field", parent);
    make("span", "", box, label);
    const select = make("select", "bnl-select", box);
    select.onchange = () => this.send({ kind: "preset", name: select.value });
    return select;
  }

  radios(parent, label, name) {
    const box = make("fieldset", "bnl-field", parent);
    make("legend", "", box, label);
    const choices = make("div", "bnl-choices", box);
    choices.onchange = () => {
      const chosen = choices.querySelector("input:checked");
      const { neuron, input } = this.data;
      this.send({ kind: "view", neuron, input, [name]: Number(chosen.value) });
    };
    return choices;
  }

  drawRadios(choices, name, count, chosen) {
    choices.parentElement.hidden = count < 2;
    if (choices.children.length !== count) {
      choices.replaceChildren();
      for (let i = 0; i < count; i += 1) {
        const label = make("label", "", choices);
        const radio = make("input", "", label);
        radio.type = "radio";
        radio.name = `bnl-${name}`;
        radio.value = i;
        make("span", "", label, String(i + 1));
      }
    }
    choices.querySelectorAll("input").forEach((radio, i) => {
      radio.checked = i === chosen;
    });
  }

  drawPreset() {
    const { presets, preset } = this.data;
    const own = preset ? [] : [{ name: "", title: "Your own numbers" }];
    const options = [...presets, ...own];
    if (this.preset.children.length !== options.length) {
      this.preset.replaceChildren();
      for (const { name, title } of options) make("option", "", this.preset, title).value = name;
    }
    this.preset.value = preset ?? "";
  }

  // ---- Python ------------------------------------------------------------------

  // What is said of a preset goes at the first change of a number; its place stays.
  keepPlace() {
    for (const text of [this.claim, this.why]) text.style.minHeight = `${text.offsetHeight}px`;
  }

  send(event) {
    if (!this.root.isConnected) return;
    if (event.kind === "move" || event.kind === "type") this.keepPlace();
    const last = this.queue[this.queue.length - 1];
    const replaces =
      last && event.kind === "move" && last.kind === "move" &&
      last.term === event.term && last.row === event.row;
    if (replaces) this.queue.pop();
    this.queue.push(event);
    this.flush();
  }

  flush() {
    setAttribute(this.root, "data-busy", "");
    if (this.waiting) return;
    const event = this.queue.shift();
    if (!event) {
      this.root.removeAttribute("data-busy");
      return;
    }
    this.waiting = this.seq += 1;
    clearTimeout(this.lostTimer);
    this.lostTimer = setTimeout(() => {
      this.waiting = 0;
      this.flush();
    }, LOST_MS);
    this.post({ ...event, seq: this.waiting });
  }

  update(answer) {
    // What never changes is sent only when no bar is held.
    const data = { ...this.still, ...answer };
    this.still = { heads: data.heads, presets: data.presets };
    const terms = data.heads.map((group) => group.columns.map((column) => column.term));
    const shape = JSON.stringify([data.rows, data.editable, data.neuron, data.input, terms]);
    const knobShape = JSON.stringify(data.knobs.map((knob) => [knob.term, knob.row, knob.symbol]));
    this.data = data;
    if (data.tab !== this.opened) {
      this.tab = this.opened = data.tab;
      this.drawTabs();
    }
    if (shape !== this.shape) {
      this.shape = shape;
      this.build();
    }
    if (knobShape !== this.knobShape) {
      this.knobShape = knobShape;
      this.buildKnobs();
    }
    const answered = this.waiting && data.reply.seq === this.waiting;
    if (answered) {
      this.waiting = 0;
      clearTimeout(this.lostTimer);
    }
    const held = this.gesture && !(answered && this.gesture.done && !this.queue.length);
    if (!held) {
      this.gesture = null;
      this.root.classList.remove("bnl-live");
    }
    if (!held || !this.scales) this.scales = data.scales;
    this.draw();
    if (answered) this.flush();
  }

  // ---- Building ----------------------------------------------------------------

  build() {
    const { heads, rows, colors } = this.data;
    const focused = this.root.contains(document.activeElement)
      ? document.activeElement.dataset.key
      : null;
    this.tableBox.replaceChildren();
    this.cells = {};
    this.sums = {};
    this.numbers = {};
    this.headCells = {};
    this.columns = heads.flatMap((group, g) => group.columns.map((column) => ({ ...column, group: g })));
    this.byTerm = Object.fromEntries(this.columns.map((column) => [column.term, column]));
    this.buildTabs();

    const table = make("table", "", this.tableBox);
    this.caption = make("caption", "bnl-hidden", table);
    // The first row spans groups, so the widths stand in columns of their own.
    const widths = make("colgroup", "", table);
    make("col", "bnl-narrow", widths);
    for (const { group } of this.columns) {
      make("col", group > 2 ? "bnl-wide" : "", widths).dataset.group = this.tabOf(group);
    }
    const thead = make("thead", "", table);
    const groupRow = make("tr", "bnl-groups", thead);
    make("td", "", groupRow);
    heads.forEach((group, g) => {
      const th = make("th", "bnl-first", groupRow, group.title);
      th.colSpan = group.columns.length;
      th.scope = "colgroup";
      th.dataset.group = this.tabOf(g);
    });
    const headRow = make("tr", "bnl-heads", thead);
    const corner = make("th", "", headRow);
    corner.scope = "col";
    make("span", "bnl-hidden", corner, "Sample");
    const numberRow = make("tr", "bnl-numbers", thead);
    const one = make("th", "", numberRow, "same for all rows");
    one.scope = "row";
    this.columns.forEach((column, c) => {
      const first = c === 0 || this.columns[c - 1].group !== column.group ? " bnl-first" : "";
      const th = make("th", first, headRow);
      th.scope = "col";
      th.dataset.group = this.tabOf(column.group);
      th.title = column.sentence;
      make("span", "bnl-symbol", th, column.symbol);
      make("span", "bnl-short", th, this.data.shorts[column.term] ?? column.short);
      this.headCells[column.term] = th;
      const td = make("td", first, numberRow);
      td.dataset.group = this.tabOf(column.group);
      this.numbers[column.term] = td;
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

    const foot = make("tr", "", make("tfoot", "", table));
    const sigma = make("th", "", foot, "Σ");
    sigma.scope = "row";
    for (const column of this.columns) {
      const td = this.place(foot, column, `${column.term}:sum`);
      td.dataset.sum = column.term;
      td.tabIndex = -1;
      const box = make("div", "bnl-sum", td);
      this.sums[column.term] = {
        td,
        box,
        text: make("b", "", box),
        small: [make("span", "", box), make("span", "", box)],
      };
      this.watch(td, { sum: column.term });
    }
    this.rove(this.sums.dx.td);
    if (focused) this.root.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }

  place(tr, column, key) {
    const c = this.columns.indexOf(column);
    const td = make("td", c === 0 || this.columns[c - 1].group !== column.group ? "bnl-first" : "", tr);
    td.dataset.group = this.tabOf(column.group);
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
    const cell = { td, box, bar, number: make("span", "bnl-number", box), focus: td };
    (this.cells[column.term] ??= [])[r] = cell;
    if (slider) {
      td.removeAttribute("data-key");
      box.dataset.key = `${column.term}:${r}`;
      cell.focus = box;
      td.classList.add("bnl-edit");
      this.makeSlider(box, {
        term: column.term,
        row: sample,
        label: `${column.symbol}, sample ${sample + 1}`,
        value: () => this.data.cells[column.term].v[r],
        step: () => this.data.steps[column.term],
        reach: () => track.clientWidth / 2,
        scale: () => this.scales[column.term],
        show: (value) => this.placeBar(cell, value, this.scales[column.term]),
        number: cell.number,
      });
    } else {
      td.tabIndex = -1;
    }
    this.watch(td, { term: column.term, r });
  }

  buildKnobs() {
    this.knobs.replaceChildren();
    this.knobCells = this.data.knobs.map((knob, index) => {
      const box = make("div", "bnl-knob", this.knobs);
      box.dataset.key = `knob:${knob.term}:${knob.row}`;
      make("span", "bnl-knob-symbol", box, knob.symbol);
      const number = make("span", "bnl-number", box);
      const current = () => this.data.knobs[index];
      this.makeSlider(box, {
        term: knob.term,
        row: knob.row,
        label: knob.name,
        value: () => current().v,
        step: () => current().step,
        reach: () => 100,
        scale: () => current().step * 100,
        log: knob.log,
        show: () => {},
        number,
      });
      return { box, number };
    });
    this.knobs.hidden = !this.data.knobs.length;
  }

  // On a phone the groups are shown one at a time; the two results stay in sight.
  tabOf(group) {
    return Math.min(group, 3);
  }

  buildTabs() {
    this.tabs.replaceChildren();
    const titles = this.data.heads.map((group) => group.title);
    const names = [titles[0], titles[1], "Paths", "Result"];
    names.forEach((name, index) => {
      const button = make("button", "bnl-button", this.tabs, name);
      button.type = "button";
      button.onclick = () => {
        this.tab = index;
        this.drawTabs();
      };
    });
    this.drawTabs();
  }

  drawTabs() {
    setAttribute(this.root, "data-tab", this.tab);
    [...this.tabs.children].forEach((button, index) =>
      setAttribute(button, "aria-pressed", index === this.tab),
    );
  }

  // ---- Drawing -----------------------------------------------------------------

  draw() {
    const { data, root } = this;
    setAttribute(root, "data-hide", data.hide);
    if (data.surprise) this.claim.style.minHeight = this.why.style.minHeight = "";
    setText(this.claim, unbroken(data.claim));
    setText(this.why, unbroken(`${data.surprise} ${data.why}`.trim()));
    this.drawPreset();
    this.drawRadios(this.neurons, "neuron", data.k, data.neuron);
    this.drawRadios(this.inputs, "input", data.d, data.input);
    setText(this.hidden, data.hidden);
    for (const name of ["n", "gamma", "eps", "neuron", "input"]) {
      setAttribute(root, `data-${name}`, data[name]);
    }
    setText(
      this.caption,
      `Gradient ledger of neuron ${data.neuron + 1} and input ${data.input + 1}: a row for each ` +
        "sample, a column for each quantity, and their sums.",
    );
    this.undo.disabled = !data.reply.undo;
    this.redo.disabled = !data.reply.redo;
    setText(this.notice, data.reply.notice ?? "");

    for (const { term } of this.columns) {
      const { v, t } = data.cells[term];
      this.cells[term].forEach((cell, r) => {
        setAttribute(cell.td, "data-value", v[r]);
        if (this.holds(term, data.rows[r])) return;
        setText(cell.number, t[r]);
        this.placeBar(cell, v[r], this.scales[term]);
        if (cell.focus !== cell.td) this.describe(cell.focus, v[r], t[r], this.scales[term]);
      });
      this.drawSum(term, data.sums[term]);
      const number = data.numbers[term];
      const box = this.numbers[term];
      setText(box, number ? `${number.symbol} = ${number.t}` : "");
      if (number) {
        setAttribute(box, "data-number", number.term);
        setAttribute(box, "data-value", number.v);
      }
    }
    data.knobs.forEach((knob, index) => {
      const { box, number } = this.knobCells[index];
      setAttribute(box, "data-knob", knob.term);
      setAttribute(box, "data-value", knob.v);
      if (this.holds(knob.term, knob.row)) return;
      setText(number, knob.t);
      this.describe(box, knob.v, knob.t, null);
    });
    this.drawResults();
    this.drawExplanation();
  }

  holds(term, row) {
    return this.gesture && this.gesture.term === term && this.gesture.row === row;
  }

  describe(slider, value, text, scale) {
    setAttribute(slider, "aria-valuenow", value);
    setAttribute(slider, "aria-valuetext", text);
    if (scale === null) return;
    setAttribute(slider, "aria-valuemin", Math.min(-scale, value));
    setAttribute(slider, "aria-valuemax", Math.max(scale, value));
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

  drawSum(term, sum) {
    const cell = this.sums[term];
    setAttribute(cell.td, "data-value", sum.v);
    setAttribute(cell.box, "data-tone", sum.tone);
    setText(cell.text, sum.t);
    cell.small.forEach((line, index) => setText(line, sum.small[index] ?? ""));
  }

  drawResults() {
    const { dx, dweight } = this.data.sums;
    this.results.replaceChildren();
    const shown = [[this.byTerm.dx.symbol, dx]];
    if (this.byTerm.dweight) shown.push([this.byTerm.dweight.total, dweight]);
    for (const [symbol, sum] of shown) {
      const box = make("span", "bnl-sum", this.results);
      box.dataset.tone = sum.tone;
      make("span", "", box, symbol);
      make("b", "", box, sum.t);
    }
  }

  // ---- Explaining --------------------------------------------------------------

  watch(td, what) {
    td.onpointerenter = (event) => {
      if (event.pointerType === "mouse" && !this.gesture) this.point(what, false);
    };
    td.onpointerleave = () => {
      if (!this.gesture) this.point(this.focusedOn ?? null, false);
    };
    td.onfocus = () => this.focusOn(what, td);
    td.addEventListener("focusin", () => this.focusOn(what, td));
    td.addEventListener("focusout", () => {
      this.focusedOn = null;
    });
    td.onkeydown = (event) => this.walk(event, what);
    td.onclick = () => this.point(what, true);
  }

  focusOn(what, td) {
    this.focusedOn = what;
    if (!what.term || !td.classList.contains("bnl-edit")) this.rove(td);
    this.point(what, true);
  }

  rove(td) {
    if (this.roving) this.roving.tabIndex = -1;
    this.roving = td;
    td.tabIndex = 0;
  }

  point(what, aloud) {
    setAttribute(this.explain, "aria-live", aloud && !this.gesture ? "polite" : "off");
    this.pointed = what;
    this.drawExplanation();
  }

  // The equation of a cell with this row's numbers in the place of its letters.
  worked(column, r) {
    const { cells, numbers, n } = this.data;
    const perNeuron = Object.fromEntries(Object.values(numbers).map((entry) => [entry.term, entry.t]));
    let before = "";
    return column.worked.split(/\{(\w+)\}/).map((part, index) => {
      if (index % 2 === 0) {
        before = part.trimEnd();
        return part;
      }
      const own = part === column.term;
      const text = part === "n" ? String(n) : (cells[part]?.t[r] ?? perNeuron[part] ?? "");
      if (own) return text;
      const bare = text.replace(/^\+/, "");
      return bare.startsWith("−") && !/[(=]$/.test(before) ? `(${bare})` : bare;
    }).join("");
  }

  drawExplanation() {
    for (const lit of this.root.querySelectorAll(".bnl-lit, .bnl-here")) {
      lit.classList.remove("bnl-lit", "bnl-here");
    }
    const what = this.pointed ?? { term: "dx", r: this.data.rows.indexOf(this.data.spotlight) };
    this.explain.replaceChildren();
    if (what.sum) this.explainSum(what.sum);
    else if (this.cells[what.term]?.[what.r]) this.explainCell(this.byTerm[what.term], what.r);
  }

  explainCell(column, r) {
    const lit = this.pointed !== null;
    make("i", "bnl-dot", this.explain).style.background = this.data.colors[r];
    make("b", "", this.explain, `Sample ${this.data.rows[r] + 1}`);
    const name = make("span", "bnl-explain-name", this.explain, column.symbol);
    const text = column.worked ? this.worked(column, r) : this.data.cells[column.term].t[r];
    const cut = text.lastIndexOf("= ");
    make("span", "", name, cut < 0 ? " = " : ` = ${text.slice(0, cut)}= `);
    make("b", "", this.explain, cut < 0 ? text : text.slice(cut + 2));
    make("span", "bnl-quiet", this.explain, this.data.locked[column.term] ?? column.sentence);
    if (!lit) return;
    this.cells[column.term][r].td.classList.add("bnl-here");
    for (const term of column.row) this.cells[term]?.[r]?.td.classList.add("bnl-lit");
    for (const term of column.column) {
      for (const cell of this.cells[term] ?? []) cell.td.classList.add("bnl-lit");
    }
    if (this.data.numbers[column.term]) this.numbers[column.term].classList.add("bnl-lit");
  }

  explainSum(term) {
    const column = this.byTerm[term];
    const { cells, sums, n, rows } = this.data;
    const parts = cells[term].t.map((text) => text.replace(/^\+/, "")).map((text, index) =>
      index && text.startsWith("−") ? `− ${text.slice(1)}` : index ? `+ ${text}` : text,
    );
    const more = n > rows.length ? ` + … (${n} samples in all)` : "";
    make("b", "", this.explain, `Σ ${column.symbol}`);
    make("span", "", this.explain, ` = ${parts.join(" ")}${more}`);
    make("b", "", this.explain, sums[term].t.replace("Σ ", ""));
    make("span", "bnl-quiet", this.explain, sums[term].small.join(", "));
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
    let c = this.columns.findIndex((column) => column.term === (what.sum ?? what.term));
    do {
      c += move[1];
    } while (this.columns[c] && move[1] && !this.headCells[this.columns[c].term].offsetParent);
    const column = this.columns[c];
    if (!column || r < 0 || r > rows) return;
    const target = r === rows ? this.sums[column.term].td : this.cells[column.term][r].focus;
    target.focus();
  }

  // ---- Changing numbers --------------------------------------------------------

  makeSlider(element, spec) {
    element.setAttribute("role", "slider");
    element.setAttribute("aria-label", spec.label);
    element.tabIndex = 0;
    element.onpointerdown = (event) => this.grab(event, element, spec);
    element.ondblclick = () => this.type(element, spec, null);
    element.onkeydown = (event) => this.sliderKey(event, element, spec);
    element.onblur = () => this.settleNow();
  }

  begin(spec, x) {
    this.settleNow();
    const value = Number(spec.value());
    this.gesture = { term: spec.term, row: spec.row, spec, value, start: value, x, moved: false };
    this.root.classList.add("bnl-live");
  }

  // The value after a way of `share` of the scale, kept to steps.
  travelled(spec, start, share, step) {
    if (!spec.log) return roundTo(start + share * spec.scale(), step);
    const power = Math.log10(Math.max(start, 10 ** SMALLEST_EPS)) + share * 6;
    return power <= SMALLEST_EPS ? 0 : Number((10 ** power).toPrecision(2));
  }

  hold(value) {
    const { gesture } = this;
    if (value === gesture.value) return;
    gesture.value = value;
    gesture.moved = true;
    const { spec } = gesture;
    spec.show(value);
    setText(spec.number, this.held(value, spec));
    this.send({ kind: "move", term: gesture.term, row: gesture.row, value });
  }

  held(value, spec) {
    const size = Math.abs(value);
    const places = this.data.places[spec.term] ?? 2;
    const small = spec.log || (size && size < 0.5 * 10 ** -places);
    const text = small ? size.toExponential(1) : size.toFixed(places);
    const sign = value < 0 ? "−" : value > 0 && spec.term !== "eps" ? "+" : "";
    return sign + text.replace("-", "−").replace("+", "");
  }

  grab(event, element, spec) {
    if (event.button !== 0 || event.target.tagName === "INPUT") return;
    const touch = event.pointerType === "touch";
    if (!touch) {
      event.preventDefault();
      element.focus({ preventScroll: true });
    }
    this.begin(spec, event.clientX);
    const { gesture } = this;
    element.setPointerCapture(event.pointerId);
    element.onpointermove = (move) => {
      if (this.gesture !== gesture || move.pointerId !== event.pointerId) return;
      const way = move.clientX - gesture.x;
      if (!gesture.moved && Math.abs(way) < 3) return;
      const step = spec.step() * (move.altKey ? 0.1 : 1);
      this.hold(this.travelled(spec, gesture.start, way / spec.reach(), step));
    };
    const end = (up) => {
      if (up.pointerId !== event.pointerId) return;
      element.onpointermove = element.onpointerup = element.onpointercancel = null;
      if (this.gesture !== gesture) return;
      const tapped = !gesture.moved;
      if (up.type === "pointercancel") this.letGo();
      else this.settleNow();
      if (tapped && touch && up.type === "pointerup") this.type(element, spec, null);
    };
    element.onpointerup = element.onpointercancel = end;
  }

  letGo() {
    const { gesture } = this;
    if (!gesture) return;
    clearTimeout(this.settleTimer);
    gesture.done = true;
    if (gesture.moved) this.send({ kind: "cancel" });
    else this.gesture = null;
    this.root.classList.remove("bnl-live");
  }

  settleNow() {
    const { gesture } = this;
    clearTimeout(this.settleTimer);
    if (!gesture || gesture.done) return;
    gesture.done = true;
    if (gesture.moved) this.send({ kind: "settle" });
    else {
      this.gesture = null;
      this.root.classList.remove("bnl-live");
    }
  }

  sliderKey(event, element, spec) {
    if (event.target.tagName === "INPUT") return;
    const { key } = event;
    const modified = event.ctrlKey || event.metaKey;
    const signs = { ArrowRight: 1, ArrowUp: 1, PageUp: 10, ArrowLeft: -1, ArrowDown: -1, PageDown: -10 };
    if (signs[key] && !modified) {
      event.preventDefault();
      event.stopPropagation();
      if (!this.gesture || this.gesture.spec !== spec || this.gesture.done) this.begin(spec, 0);
      const step = spec.step() * (event.altKey ? 0.1 : 1);
      const count = signs[key] * (event.shiftKey ? 10 : 1);
      const share = spec.log ? (count * (event.altKey ? 0.2 : 1)) / 60 : (count * step) / spec.scale();
      this.hold(this.travelled(spec, this.gesture.value, share, step));
      clearTimeout(this.settleTimer);
      this.settleTimer = setTimeout(() => this.settleNow(), SETTLE_MS);
    } else if (key === "Home" && !modified) {
      event.preventDefault();
      this.settleNow();
      this.send({ kind: "home", term: spec.term, row: spec.row });
    } else if (key === "Escape") {
      this.letGo();
    } else if (key === "Enter") {
      event.preventDefault();
      this.type(element, spec, null);
    } else if (/^[-+.\d−]$/.test(key) && !modified && !event.altKey) {
      event.preventDefault();
      this.type(element, spec, key);
    }
  }

  type(element, spec, first) {
    this.settleNow();
    if (element.querySelector("input")) return;
    const input = make("input", "bnl-input", element);
    input.type = "text";
    input.inputMode = "text"; // a decimal pad has no minus sign on every phone
    input.autocomplete = "off";
    input.setAttribute("aria-label", `${spec.label}: new value`);
    input.value = first ?? String(spec.value());
    input.focus();
    if (first === null) input.select();
    let open = true;
    const close = (keep, back) => {
      if (!open) return;
      open = false;
      const text = input.value;
      input.remove();
      if (back) element.focus({ preventScroll: true });
      if (keep && text.trim() !== String(spec.value())) {
        this.send({ kind: "type", term: spec.term, row: spec.row, text });
      }
    };
    input.onkeydown = (event) => {
      event.stopPropagation();
      if (event.key === "Enter") close(true, true);
      if (event.key === "Escape") close(false, true);
    };
    input.onpointerdown = (event) => event.stopPropagation();
    input.onblur = () => close(true, false);
  }

  globalKey(event) {
    const { key, target } = event;
    if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
    if (target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA)$/.test(target.tagName))) return;
    const letter = key.toLowerCase();
    const redo = letter === "y" || (letter === "z" && event.shiftKey);
    if (letter !== "z" && !redo) return;
    event.preventDefault();
    this.settleNow();
    this.send({ kind: redo ? "redo" : "undo" });
  }
}
