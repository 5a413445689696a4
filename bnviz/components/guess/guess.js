// A bar that one puts where one thinks it ends, with mouse, finger or keys; the truth, which
// Python computed, comes beside it once it may be shown, and with it a dot for each of a class.

import { draw, make, setAttribute, setText, unbroken } from "../bnviz.common/dom.js";
import { number, real } from "../bnviz.common/numbers.js";

const SETTLE_MS = 500; // after the last key of a run of steps
const WIDE = 1000; // the dots' own units, as wide as the track
const TALL = 260; // of the same, for the highest pile

const guesses = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  let guess = guesses.get(parentElement);
  if (!guess) {
    guess = new Guess(parentElement);
    guesses.set(parentElement, guess);
  }
  guess.post = (value) => setTriggerValue("show", value);
  guess.update(JSON.parse(new TextDecoder().decode(data)));
}

export class Guess {
  // together: a number goes off as it is let go, and others' come with the truth.
  constructor(parent, together = false) {
    this.together = together;
    this.held = false;
    this.root = make("section", "bng", parent);
    this.root.setAttribute("data-guess", "");
    this.ask = make("p", "bng-ask", this.root);
    this.row = make("div", "bng-row", this.root);
    this.what = make("span", "bng-what", this.row);
    this.track = make("div", "bng-track", this.row);
    this.dots = draw("svg", { class: "bng-dots", role: "img" }, this.row);
    this.mine = make("i", "bng-bar bng-mine", this.track);
    this.truth = make("i", "bng-bar bng-truth", this.track);
    this.grip = make("i", "bng-grip", this.track);
    this.text = make("span", "bng-number", this.row);
    this.button = make("button", "bng-show", this.row);
    this.button.type = "button";
    this.button.onclick = () => this.value !== null && this.post(this.value);
    this.said = make("span", "bng-number bng-true", this.row);
    const { track } = this;
    track.setAttribute("role", "slider");
    track.onpointerdown = (event) => this.hold(event);
    track.onkeydown = (event) => this.key(event);
  }

  update(data) {
    if (data.of !== this.data?.of) this.value = null;
    this.data = data;
    if (data.value !== null || (this.together && !this.held)) this.value = data.value;
    setText(this.ask, this.asked(data));
    setText(this.button, data.button);
    setText(this.what, unbroken(`${data.what} =`));
    this.draw();
  }

  asked({ truth, dots }) {
    if (!truth) return "Put the bar where you think it ends, or choose below";
    const who = [];
    if (this.value !== null) who.push("you put the bar");
    if (dots?.length) who.push(who.length ? "the class its own" : "the class put it");
    return unbroken(who.length ? `Where ${who.join(", ")}, and where it ends` : "Where it ends");
  }

  // A pile of dots for each number that the class predicted; as high as how many did.
  pile() {
    const { dots, scale, step, truth, places, what } = this.data;
    const shown = Boolean(truth && dots?.length);
    this.root.classList.toggle("bng-class", shown);
    if (!shown) {
      this.dots.replaceChildren();
      return;
    }
    const size = Math.min(24, (WIDE * step) / (2 * scale));
    const piles = new Map();
    const end = truth.zero ? 0 : real(truth.v);
    for (const [value, n] of dots) {
      const at = WIDE / 2 + Math.round((WIDE * (this.at(value) - 0.5)) / size) * size;
      const right = Math.abs(value - end) <= step / 2;
      const pile = piles.get(at) ?? { n: 0, right: false };
      piles.set(at, { n: pile.n + n, right: pile.right || right });
    }
    const highest = Math.max(...[...piles.values()].map(({ n }) => n));
    const up = Math.min(size, TALL / highest);
    const height = (highest - 1) * up + size;
    setAttribute(this.dots, "viewBox", `0 ${-height} ${WIDE} ${height}`);
    const x = WIDE * this.at(end);
    const marks = [draw("line", { class: "bng-end", x1: x, x2: x, y1: -height, y2: 0 })];
    for (const [at, { n, right }] of piles) {
      for (let i = 0; i < n; i += 1) {
        const kind = right ? "bng-dot bng-right" : "bng-dot";
        marks.push(draw("circle", { class: kind, cx: at, cy: -i * up - size / 2, r: 0.44 * size }));
      }
    }
    this.dots.replaceChildren(...marks);
    const all = dots.reduce((sum, [, n]) => sum + n, 0);
    const ends = [dots[0][0], dots[dots.length - 1][0]].map((value) => number(value, true, places));
    const where = ends[0] === ends[1] ? `at ${ends[0]}` : `from ${ends[0]} to ${ends[1]}`;
    const said = `${all} ${all === 1 ? "prediction" : "predictions"} of ${what}, ${where}`;
    setAttribute(this.dots, "aria-label", said);
    setAttribute(this.root, "data-dots", all);
  }

  // Where a number is on the track, from 0 to 1.
  at(value) {
    const { scale } = this.data;
    return 0.5 + 0.5 * Math.max(-1, Math.min(1, real(value) / scale));
  }

  draw() {
    const { data, value, track } = this;
    const open = !data.truth;
    const places = data.places;
    // A bar that stood at 0 from the start would be an answer.
    const end = value === null ? 0 : this.at(value);
    this.bar(this.mine, value);
    this.bar(this.truth, open ? null : data.truth.zero ? 0 : data.truth.v);
    this.grip.style.left = `${100 * end}%`;
    this.root.classList.toggle("bng-open", open);
    this.root.classList.toggle("bng-set", value !== null);
    setText(this.text, value === null ? (open ? "?" : "") : number(value, true, places));
    setText(this.said, open ? "" : data.truth.zero ? "0" : number(data.truth.v, true, places));
    this.button.hidden = !open || this.together;
    this.button.disabled = value === null;
    setAttribute(track, "tabindex", open ? 0 : -1);
    setAttribute(track, "aria-disabled", !open);
    setAttribute(track, "aria-label", `Your prediction of ${data.what}`);
    setAttribute(track, "aria-valuemin", -data.scale);
    setAttribute(track, "aria-valuemax", data.scale);
    setAttribute(track, "aria-valuenow", value ?? -data.scale);
    setAttribute(track, "aria-valuetext", value === null ? "not set" : number(value, true, places));
    this.pile();
    setAttribute(this.root, "data-value", value ?? "");
    setAttribute(this.root, "data-truth", open ? "" : data.truth.v);
  }

  bar(bar, value) {
    bar.hidden = value === null;
    const end = value === null ? 0.5 : this.at(value);
    bar.style.left = `${100 * Math.min(0.5, end)}%`;
    bar.style.width = `${100 * Math.abs(end - 0.5)}%`;
  }

  put(value) {
    const { scale, step } = this.data;
    const near = Math.round(Math.max(-scale, Math.min(scale, value)) / step) * step;
    this.value = Number(near.toPrecision(12)) + 0;
    this.draw();
  }

  hold(event) {
    if (event.button !== 0 || this.data.truth) return;
    event.preventDefault();
    const { track } = this;
    track.focus({ preventScroll: true });
    this.held = true;
    track.setPointerCapture(event.pointerId);
    const follow = ({ clientX }) => {
      const { left, width } = track.getBoundingClientRect();
      this.put(((clientX - left) / width - 0.5) * 2 * this.data.scale);
    };
    follow(event);
    track.onpointermove = follow;
    track.onpointerup = track.onpointercancel = () => {
      track.onpointermove = track.onpointerup = track.onpointercancel = null;
      this.settle();
    };
  }

  // Let go of: among others this is an answer.
  settle() {
    clearTimeout(this.timer);
    if (this.held && this.together) this.post(this.value);
    this.held = false;
  }

  key(event) {
    const ways = { ArrowRight: 1, ArrowUp: 1, PageUp: 10, ArrowLeft: -1, ArrowDown: -1, PageDown: -10 };
    const { key } = event;
    if (this.data.truth || event.ctrlKey || event.metaKey || event.altKey) return;
    const { scale, step } = this.data;
    const before = this.value;
    if (ways[key]) this.put((this.value ?? -scale) + ways[key] * step * (event.shiftKey ? 10 : 1));
    else if (key === "Home") this.put(-scale);
    else if (key === "End") this.put(scale);
    else if (key === "Enter" && this.value !== null && !this.together) this.post(this.value);
    else return;
    if (this.together && this.value !== before) {
      this.held = true;
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.settle(), SETTLE_MS);
    }
    event.preventDefault();
    event.stopPropagation();
  }
}
