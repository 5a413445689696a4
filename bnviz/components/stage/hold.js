// Holding a number: by a bar, a knob, a mouth or a pill; with mouse, finger, keys or typing.
//
// A spec says what is held: { term, row, label, value(), step(), scale(), log, reach(), upright,
// show(value), number }. reach() is how many pixels the scale is long; upright ones go up.

import { make, setAttribute, setText } from "../bnviz.common/dom.js";
import { number } from "../bnviz.common/numbers.js";

const SETTLE_MS = 400; // after the last key of a run of steps
const SMALLEST_EPS = -12; // a power of ten; below it the dragged ε is 0

// A dragged number without the dust of binary fractions.
const tidy = (value) => Number(value.toPrecision(12));

function roundTo(value, step) {
  return tidy(Math.round(value / step) * step);
}

export class Hold {
  constructor(stage) {
    this.stage = stage;
    this.gesture = null;
  }

  is(term, row) {
    return Boolean(this.gesture && this.gesture.term === term && this.gesture.row === row);
  }

  // An answer came; done says that nothing else is under way.
  answered(done) {
    if (this.gesture && !(done && this.gesture.done)) return;
    this.gesture = null;
    this.mark(false);
  }

  // What is not on the stage says by itself that it waits.
  mark(live) {
    this.stage.root.classList.toggle("bns-live", live);
    document.documentElement.toggleAttribute("data-bn-held", live);
  }

  makeSlider(element, spec) {
    element.setAttribute("role", "slider");
    element.setAttribute("aria-label", spec.label);
    element.tabIndex = 0;
    element.onpointerdown = (event) => this.grab(event, element, spec);
    element.ondblclick = () => this.type(element, spec, null);
    element.onkeydown = (event) => this.key(event, element, spec);
    element.onblur = () => this.settle();
  }

  begin(spec, at) {
    this.settle();
    const value = Number(spec.value());
    this.gesture = { term: spec.term, row: spec.row, spec, value, start: value, at, moved: false };
    this.mark(true);
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
    if (spec.number) setText(spec.number, number(value, spec.term !== "eps", spec.places?.() ?? 2));
    this.stage.send({ kind: "move", term: gesture.term, row: gesture.row, value });
  }

  // With a mouse the element is focused too, so that the keys go on where the hand left off.
  grab(event, element, spec) {
    if (event.button !== 0 || event.target.tagName === "INPUT") return;
    const touch = event.pointerType === "touch";
    if (!touch || spec.upright) event.preventDefault();
    if (!touch) element.focus?.({ preventScroll: true });
    const along = spec.upright ? (e) => -e.clientY : (e) => e.clientX;
    this.begin(spec, along(event));
    const { gesture } = this;
    element.setPointerCapture(event.pointerId);
    element.onpointermove = (move) => {
      if (this.gesture !== gesture || move.pointerId !== event.pointerId) return;
      const way = along(move) - gesture.at;
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
      else this.settle();
      if (tapped && touch && up.type === "pointerup" && !spec.upright) this.type(element, spec, null);
    };
    element.onpointerup = element.onpointercancel = end;
  }

  letGo() {
    const { gesture } = this;
    if (!gesture) return;
    clearTimeout(this.timer);
    gesture.done = true;
    if (gesture.moved) this.stage.send({ kind: "cancel" });
    else {
      this.gesture = null;
      this.mark(false);
    }
  }

  settle() {
    const { gesture } = this;
    clearTimeout(this.timer);
    if (!gesture || gesture.done) return;
    gesture.done = true;
    if (gesture.moved) this.stage.send({ kind: "settle" });
    else {
      this.gesture = null;
      this.mark(false);
    }
  }

  key(event, element, spec) {
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
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.settle(), SETTLE_MS);
    } else if (key === "Home" && !modified) {
      event.preventDefault();
      this.settle();
      this.stage.send({ kind: "home", term: spec.term, row: spec.row });
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
    this.settle();
    if (element.querySelector("input")) return;
    const input = make("input", "bns-input", element);
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
        this.stage.send({ kind: "type", term: spec.term, row: spec.row, text });
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

  describe(slider, value, text, scale) {
    setAttribute(slider, "aria-valuenow", value);
    setAttribute(slider, "aria-valuetext", text);
    if (scale === null) return;
    setAttribute(slider, "aria-valuemin", Math.min(-scale, value));
    setAttribute(slider, "aria-valuemax", Math.max(scale, value));
  }
}
