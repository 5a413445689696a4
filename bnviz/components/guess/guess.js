// A bar that one puts where one thinks it ends, with mouse, finger or keys; the truth, which
// Python computed, comes beside it once it may be shown.

import { make, setAttribute, setText, unbroken } from "../bnviz.common/dom.js";
import { number, real } from "../bnviz.common/numbers.js";

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

class Guess {
  constructor(parent) {
    this.root = make("section", "bng", parent);
    this.root.setAttribute("data-guess", "");
    this.ask = make("p", "bng-ask", this.root);
    this.row = make("div", "bng-row", this.root);
    this.what = make("span", "bng-what", this.row);
    this.track = make("div", "bng-track", this.row);
    this.mine = make("i", "bng-bar bng-mine", this.track);
    this.truth = make("i", "bng-bar bng-truth", this.track);
    this.grip = make("i", "bng-grip", this.track);
    this.text = make("span", "bng-number", this.row);
    this.button = make("button", "bng-show", this.row, "Show");
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
    if (data.value !== null) this.value = data.value;
    const set = this.value !== null;
    setText(this.ask, data.truth ? (set ? "Where you put the bar, and where it ends" : "Where it ends") : "Put the bar where you think it ends, or choose below");
    setText(this.what, unbroken(`${data.what} =`));
    this.draw();
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
    this.button.hidden = !open;
    this.button.disabled = value === null;
    setAttribute(track, "tabindex", open ? 0 : -1);
    setAttribute(track, "aria-disabled", !open);
    setAttribute(track, "aria-label", `Your prediction of ${data.what}`);
    setAttribute(track, "aria-valuemin", -data.scale);
    setAttribute(track, "aria-valuemax", data.scale);
    setAttribute(track, "aria-valuenow", value ?? -data.scale);
    setAttribute(track, "aria-valuetext", value === null ? "not set" : number(value, true, places));
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
    track.setPointerCapture(event.pointerId);
    const follow = ({ clientX }) => {
      const { left, width } = track.getBoundingClientRect();
      this.put(((clientX - left) / width - 0.5) * 2 * this.data.scale);
    };
    follow(event);
    track.onpointermove = follow;
    track.onpointerup = track.onpointercancel = () => {
      track.onpointermove = track.onpointerup = track.onpointercancel = null;
    };
  }

  key(event) {
    const ways = { ArrowRight: 1, ArrowUp: 1, PageUp: 10, ArrowLeft: -1, ArrowDown: -1, PageDown: -10 };
    const { key } = event;
    if (this.data.truth || event.ctrlKey || event.metaKey || event.altKey) return;
    const { scale, step } = this.data;
    if (ways[key]) this.put((this.value ?? -scale) + ways[key] * step * (event.shiftKey ? 10 : 1));
    else if (key === "Home") this.put(-scale);
    else if (key === "End") this.put(scale);
    else if (key === "Enter" && this.value !== null) this.post(this.value);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
