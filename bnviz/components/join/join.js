// A code to type, as it stands on the teacher's screen; then the page for phones, or Python.

import { make } from "../bnviz.common/dom.js";

const LONG = 6;

const doors = new WeakMap();

const tidy = (text) => text.replace(/[\s-]/g, "").toLowerCase();

export default function ({ data, parentElement, setTriggerValue }) {
  let door = doors.get(parentElement);
  if (!door) {
    door = new Door(parentElement);
    doors.set(parentElement, door);
  }
  door.post = (code) => setTriggerValue("code", code);
  door.update(JSON.parse(new TextDecoder().decode(data)));
}

class Door {
  constructor(parent) {
    this.form = make("form", "bnj", parent);
    this.form.setAttribute("data-join", "");
    this.input = make("input", "bnj-code", this.form);
    Object.assign(this.input, { placeholder: "Room code", autocomplete: "off", spellcheck: false, maxLength: 12 });
    this.input.setAttribute("aria-label", "The code on the teacher’s screen");
    this.input.autocapitalize = "none";
    this.button = make("button", "bnj-join", this.form, "Join");
    this.input.oninput = () => this.look();
    this.form.onsubmit = (event) => {
      event.preventDefault();
      this.enter(tidy(this.input.value));
    };
  }

  update({ code, served }) {
    this.served = served;
    if (code && code !== this.given) this.input.value = code;
    this.given = code;
    this.look();
  }

  look() {
    this.button.disabled = tidy(this.input.value).length !== LONG;
  }

  enter(code) {
    if (this.served) location.assign(new URL(`room/#${encodeURIComponent(code)}`, location.href));
    else this.post(code);
  }
}
