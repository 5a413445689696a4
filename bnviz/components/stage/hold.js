// Holding a number: by a bar, a knob, a mouth or a pill; with mouse, finger, keys or typing.
//
// A spec says what is held: { term, row, label, value(), step(), scale(), log, reach(), upright,
// show(value), number }. reach() is how many pixels the scale is long; upright ones go up.

import { make, setAttribute, setText } from "../bnviz.common/dom.js";
import { number } from "../bnviz.common/numbers.js";

const SETTLE_MS = 400; // after the last key of a run of steps
const REST_MS = 120; // a mouse that rests on a handle may be about to take it
const AHEAD = 10; // positions left in a sweep when the next one is asked for
const FIRST = 12; // on either side in the first answer to a hand that does not wait for more
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
    this.sweep = null;
    this.asked = null;
    this.era = 0; // of which sweeps are; one of a past era is of other numbers
  }

  // Is this the text that says what is held? Python's answers, older than it, leave it alone.
  shows(text) {
    return Boolean(this.gesture && this.gesture.spec.number === text);
  }

  // Does the browser draw what is held by itself, from a sweep?
  get draws() {
    return Boolean(this.gesture?.drawn);
  }

  // An answer came; done says that nothing else is under way, swept that a sweep is with it.
  answered(done, swept) {
    const { gesture } = this;
    if (!swept && done) this.asked = null;
    if (gesture && !(done && gesture.done)) return;
    if (gesture || !swept) {
      this.forget(); // another scenario, other sweeps
    }
    this.gesture = null;
    this.mark(false);
  }

  // A sweep is here: what is held is drawn out of it from now on.
  arrived(sweep, era) {
    if (era !== this.era) return;
    const { gesture } = this;
    this.asked = null;
    if (gesture && !(sweep.term === gesture.term && sweep.row === gesture.row)) return;
    this.sweep = sweep;
    if (!gesture || gesture.done) return;
    const k = sweep.find(gesture.value);
    // A step that is still under way asks for what is here already; its answer is not drawn.
    const { sent } = this.stage;
    if (k >= 0 && gesture.moved && (!sent || sent.kind === "move" || sent.kind === "take")) {
      gesture.drawn = true;
      this.stage.forgetMoves();
      this.stage.update(sweep.at(k));
    }
    if (sweep.scene.few) this.take(gesture.spec, gesture.value, sweep.fine);
  }

  // What was asked for is of no use any more.
  forget() {
    this.sweep = this.asked = null;
    this.era += 1;
  }

  // Asks for all positions of a number, unless they are here or under way.
  take(spec, value, fine = false, few = false) {
    if (this.sweep?.isOf(spec.term, spec.row, fine)) {
      const k = this.sweep.find(value);
      if (k >= 0 && this.sweep.left(k) >= AHEAD) return;
      if (k < 0 && !this.gesture?.moved) return; // between two steps, as it was typed
    }
    const step = (this.gesture?.step ?? spec.step()) * (fine ? 0.1 : 1);
    const event = { kind: "take", term: spec.term, row: spec.row, value, step, fine };
    if (few) event.count = FIRST;
    const asked = JSON.stringify([event.term, event.row, fine]);
    if (asked === this.asked) return; // one at a time
    this.asked = asked;
    this.stage.send(event);
  }

  // What is not on the stage says by itself that it waits.
  mark(live) {
    this.stage.root.classList.toggle("bns-live", live);
    const page = document.documentElement;
    if (live) {
      page.toggleAttribute("data-bn-held", true);
      return;
    }
    // Let go, the rest of the page follows with the run that is under way.
    const follow = () => {
      if (this.gesture) return;
      const running = document.querySelector("[data-test-script-state=running]");
      if (running) requestAnimationFrame(follow);
      else page.removeAttribute("data-bn-held");
    };
    requestAnimationFrame(() => requestAnimationFrame(follow));
  }

  makeSlider(element, spec) {
    element.setAttribute("role", "slider");
    element.setAttribute("aria-label", spec.label);
    element.tabIndex = 0;
    element.onpointerdown = (event) => this.grab(event, element, spec);
    element.onpointerenter = (event) => this.rest(event, spec);
    element.onpointerleave = () => clearTimeout(this.resting);
    element.ondblclick = () => this.type(element, spec, null);
    element.onkeydown = (event) => this.key(event, element, spec);
    element.onblur = () => this.settle();
  }

  // A mouse that rests on a handle: all positions come before they are needed.
  rest(event, spec) {
    clearTimeout(this.resting);
    if (event.pointerType !== "mouse" || this.gesture) return;
    this.resting = setTimeout(() => {
      if (!this.gesture) this.take(spec, Number(spec.value()));
    }, REST_MS);
  }

  begin(spec, at) {
    this.settle();
    clearTimeout(this.resting);
    // What was just let go of goes on from there, though its answer has not come yet.
    const { gesture } = this;
    const same = gesture && gesture.term === spec.term && gesture.row === spec.row;
    const value = same ? gesture.value : Number(spec.value());
    // Step and scale stand while it is held, whatever becomes of the numbers beside it.
    const held = { step: spec.step(), scale: spec.scale(), value, start: value, at, moved: false };
    this.gesture = { term: spec.term, row: spec.row, spec, ...held };
    this.mark(true);
    this.stage.keepPlace();
    this.take(spec, value, false, true);
  }

  // The value after a way of `share` of the scale, kept to steps.
  travelled({ spec, scale }, start, share, step) {
    if (!spec.log) return roundTo(start + share * scale, step);
    const power = roundTo(Math.log10(Math.max(start, 10 ** SMALLEST_EPS)) + share * 6, step);
    return power <= SMALLEST_EPS ? 0 : Number((10 ** power).toPrecision(2));
  }

  // Every number at the held value: out of the sweep where it has come, else from Python.
  hold(value, fine = false) {
    const { gesture, sweep } = this;
    if (value === gesture.value) return;
    const { spec } = gesture;
    gesture.moved = true;
    const k = sweep?.isOf(gesture.term, gesture.row, fine) ? sweep.find(value) : -1;
    gesture.value = k >= 0 ? sweep.values[k] : value;
    if (k >= 0) {
      gesture.drawn = true;
      this.stage.update(sweep.at(k));
    } else {
      gesture.drawn = false;
      gesture.sent = true;
    }
    spec.show(gesture.value);
    if (spec.number) {
      setText(spec.number, number(gesture.value, spec.term !== "eps", spec.places?.() ?? 2));
    }
    if (k < 0) {
      const { term, row } = gesture;
      this.stage.send({ kind: "move", term, row, value });
    }
    if (k < 0 || sweep.left(k) < AHEAD) this.take(spec, value, fine);
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
      const way = (along(move) - gesture.at) / (element.currentCSSZoom ?? 1);
      if (!gesture.moved && Math.abs(way) < 3) return;
      const step = gesture.step * (move.altKey ? 0.1 : 1);
      this.hold(this.travelled(gesture, gesture.start, way / spec.reach(), step), move.altKey);
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
    gesture.drawn = false;
    gesture.value = gesture.start;
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
    const { term, row, value } = gesture;
    if (gesture.moved) this.stage.send({ kind: "set", term, row, value });
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
      const { gesture } = this;
      const step = gesture.step * (event.altKey ? 0.1 : 1);
      const count = signs[key] * (event.shiftKey ? 10 : 1);
      const share = (count * step) / (spec.log ? 6 : gesture.scale);
      this.hold(this.travelled(gesture, gesture.value, share, step), event.altKey);
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
