// A network in training: places the numbers of each layer at each step, and goes through the steps that it has.

import { make, setText, unbroken } from "../bnviz.common/dom.js";
import { Rows } from "./rows.js";
import { Side } from "./side.js";

const views = new WeakMap();
const SECONDS = 6; // that Play takes through all of the steps

export default function ({ data, parentElement, setTriggerValue }) {
  let view = views.get(parentElement);
  if (!view) {
    view = new Network(parentElement);
    views.set(parentElement, view);
  }
  view.trigger = (event) => setTriggerValue("event", event);
  const size = Number(new DataView(data.buffer, data.byteOffset).getBigUint64(0, true));
  const text = new TextDecoder().decode(data.subarray(8, 8 + size));
  view.update(JSON.parse(text), data.slice(8 + size).buffer);
}

class Network {
  constructor(parent) {
    this.root = make("section", "bnt", parent);
    this.root.setAttribute("data-network", "");
    this.root.setAttribute("aria-label", "A network in training");
    this.bar = make("div", "bnt-bar", this.root);
    this.notice = make("p", "bnt-notice", this.root);
    this.notice.setAttribute("role", "status");
    this.claim = make("h1", "", this.root);
    this.why = make("p", "bnt-why", this.root);
    const body = make("div", "bnt-body", this.root);
    this.rows = new Rows(make("div", "bnt-rows", body), this);
    this.side = new Side(make("aside", "bnt-side", body), this);
    this.seq = 0;
    this.frames = [];
    this.transport(this.rows.box);
    // The canvases take their colours from the page's, which follow a moment later.
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    const redraw = () => this.root.isConnected && this.frames.length && this.draw(true);
    scheme.addEventListener("change", () => setTimeout(redraw, 300));
    new ResizeObserver(() => this.frames.length && this.draw(true)).observe(body);
  }

  // ---- What comes from Python ----

  update(data, table) {
    const other = data.run !== this.run;
    if (other) {
      this.run = data.run;
      this.frames = [];
      this.pause();
    }
    this.data = data;
    const { depth, cells } = data.still;
    if (data.since <= this.frames.length) {
      const size = depth * cells.length;
      const all = new Float32Array(table);
      this.frames.length = data.since;
      data.steps.forEach((step, n) => {
        const values = all.subarray(n * size, (n + 1) * size);
        this.frames.push({ step, values, loss: data.losses[n], words: data.words[n] });
      });
    }
    this.layer = data.layer;
    const wanted = this.indexOf(data.wanted);
    // While it trains towards the step that is wanted, the newest is shown.
    const following = data.training && data.wanted > data.last;
    if (other || !this.own) this.at = following ? this.frames.length - 1 : wanted;
    else if (this.own === "last") this.at = this.frames.length - 1;
    this.at = Math.min(this.at ?? 0, this.frames.length - 1);
    this.settings();
    this.draw(true);
    const missing = data.since > this.frames.length;
    if (missing || (data.training && this.stopAt === undefined)) {
      this.send({ kind: "goal", to: data.goal });
    }
    this.root.toggleAttribute("data-busy", data.training);
  }

  send(event) {
    // Alone, without Python, what it would have answered is there for the step that was asked for.
    if (this.data.alone) {
      if (event.kind !== "give") return;
      this.data.given = this.data.gives.find(({ what }) => what === event.what) ?? null;
      this.draw(true);
      return;
    }
    this.seq += 1;
    this.trigger({ ...event, have: this.frames.length, seq: this.seq });
  }

  indexOf(step) {
    let index = this.frames.findIndex((frame) => frame.step > step);
    if (index < 0) index = this.frames.length;
    return Math.max(0, index - 1);
  }

  cell(frame, layer, name) {
    const { cells } = this.data.still;
    return frame.values[layer * cells.length + cells.indexOf(name)];
  }

  // ---- Settings ----

  settings() {
    const state = JSON.stringify([this.data.chips, this.data.preset]);
    if (state === this.barState) return;
    this.barState = state;
    const focused = document.activeElement?.dataset?.setting;
    this.bar.replaceChildren();
    if (this.data.alone) {
      for (const { unit, at, shown } of this.data.chips) {
        const words = [shown[at], unit];
        make("span", "bnt-chip", this.bar, (this.before(unit) ? words.reverse() : words).join(" ").trim());
      }
      return;
    }
    const scenario = make("label", "bnt-scenario", this.bar);
    make("span", "", scenario, "Scenario");
    const presets = make("select", "", scenario);
    presets.dataset.setting = "preset";
    if (!this.data.preset) make("option", "", presets, "Your own").value = "";
    for (const { name, title } of this.data.presets) {
      const option = make("option", "", presets, title);
      option.value = name;
      option.selected = name === this.data.preset;
    }
    presets.onchange = () => {
      this.own = null;
      this.run = null;
      if (presets.value) this.send({ kind: "preset", name: presets.value });
    };
    for (const { name, unit, label, at, shown } of this.data.chips) {
      const chip = make("label", "bnt-chip", this.bar);
      const before = this.before(unit);
      if (before) make("span", "", chip, unit);
      const select = make("select", "", chip);
      select.setAttribute("aria-label", label);
      select.dataset.setting = name;
      shown.forEach((text, index) => {
        const option = make("option", "", select, text);
        option.value = index;
        option.selected = index === at;
      });
      if (!before && unit) make("span", "", chip, unit);
      select.onchange = () => {
        this.own = null;
        this.send({ kind: "set", name, index: Number(select.value) });
      };
    }
    if (focused) this.bar.querySelector(`[data-setting="${focused}"]`)?.focus();
  }

  // Does its unit stand before a number?
  before(unit) {
    return ["rate", "decay", "seed", "from step", "batch"].includes(unit);
  }

  // Can it not be trained further?
  ended() {
    return Boolean(this.data.alone || this.data.fault || this.data.last >= this.data.still.most);
  }

  // ---- Time ----

  transport(parent) {
    const box = make("div", "bnt-transport", parent);
    const button = (text, label, act) => {
      const made = make("button", "bnt-button", box, text);
      made.type = "button";
      made.setAttribute("aria-label", label);
      made.onclick = act;
      return made;
    };
    this.play = button("▸ Play", "Play", () => (this.running() ? this.stop() : this.start()));
    this.play.classList.add("bnt-play");
    button("|◂", "To the start", () => this.jump(0));
    button("◂", "One step back", () => this.jump(this.at - 1));
    button("▸", "One step on", () => this.forward());
    this.slider = make("input", "", box);
    this.slider.type = "range";
    this.slider.min = 0;
    this.slider.setAttribute("aria-label", "Step");
    this.slider.oninput = () => this.scrub(Number(this.slider.value));
    this.slider.onchange = () => this.settle();
    this.count = make("output", "bnt-count", box);
  }

  running() {
    return this.timer !== undefined || Boolean(this.data?.training && this.stopAt === undefined);
  }

  start() {
    this.stopAt = undefined;
    if (this.at >= this.frames.length - 1) {
      if (this.ended()) {
        this.at = 0;
      } else {
        this.own = "last";
        this.send({ kind: "goal", to: this.data.last + 100 });
        return;
      }
    }
    this.own = "here";
    const from = this.at;
    const since = performance.now();
    const pace = this.frames.length / SECONDS / 1000;
    const tick = (now) => {
      this.at = Math.min(this.frames.length - 1, from + Math.floor((now - since) * pace));
      this.draw(false);
      if (this.at < this.frames.length - 1) this.timer = requestAnimationFrame(tick);
      else {
        this.pause();
        this.settle();
      }
    };
    this.timer = requestAnimationFrame(tick);
    this.controls();
  }

  pause() {
    if (this.timer !== undefined) cancelAnimationFrame(this.timer);
    this.timer = undefined;
  }

  stop() {
    const moving = this.timer !== undefined;
    this.pause();
    if (this.data.training) {
      this.stopAt = this.data.last;
      this.own = "here";
      this.send({ kind: "goal", to: this.data.last, at: this.frames[this.at].step });
    } else if (moving) this.settle();
    this.controls();
  }

  forward() {
    if (this.at < this.frames.length - 1) this.jump(this.at + 1);
    else if (!this.ended()) {
      const next = this.data.last + (this.data.last < 400 ? 1 : this.data.last < 800 ? 2 : 4);
      this.own = "last";
      this.stopAt = undefined;
      this.send({ kind: "goal", to: next, at: next });
    }
  }

  jump(index) {
    this.scrub(Math.max(0, Math.min(index, this.frames.length - 1)));
    this.settle();
  }

  scrub(index) {
    this.pause();
    this.own = "here";
    this.at = index;
    this.draw(false);
  }

  // A step that one stays at goes into the link, and gets its own headline.
  settle() {
    this.send({ kind: "show", at: this.frames[this.at].step });
  }

  choose(layer) {
    if (layer < 0 || layer >= this.data.still.depth || layer === this.layer) return;
    this.layer = layer;
    this.draw(true);
    this.send({ kind: "layer", layer });
  }

  controls() {
    setText(this.play, this.running() ? "❚❚ Pause" : this.at < this.frames.length - 1 || this.ended() ? "▸ Play" : "▸ Train on");
    this.play.setAttribute("aria-label", this.running() ? "Pause" : this.play.textContent.slice(2));
    this.slider.max = this.frames.length - 1;
    this.slider.value = this.at;
    const { step } = this.frames[this.at];
    this.slider.setAttribute("aria-valuetext", `step ${step}`);
    const trains = this.data.training && this.stopAt === undefined ? `, training to ${this.data.goal}` : "";
    setText(this.count, `step ${step} of ${this.data.last}${trains}`);
  }

  draw(settled) {
    const frame = this.frames[this.at];
    if (!frame) return;
    const { headline, fault, notice } = this.data;
    const told = headline.at === frame.step ? headline : frame.words;
    setText(this.claim, unbroken(told.claim));
    setText(this.why, unbroken(told.why));
    setText(this.notice, [notice, fault?.said].filter(Boolean).join(" "));
    this.root.dataset.step = frame.step;
    this.root.dataset.last = this.data.last;
    this.root.dataset.ratio = frame.words.ratio;
    this.rows.draw(frame, settled);
    this.side.draw(frame, settled);
    this.controls();
  }
}

