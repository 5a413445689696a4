// The answers on offer: to choose from on a phone, and once shown a bar for each and what is true.

import { make, setAttribute, setText, unbroken } from "../bnviz.common/dom.js";

const polls = new WeakMap();

export default function ({ data, parentElement }) {
  let poll = polls.get(parentElement);
  if (!poll) {
    poll = new Poll(parentElement);
    polls.set(parentElement, poll);
  }
  poll.update(JSON.parse(new TextDecoder().decode(data)));
}

export class Poll {
  // choose(key) is called when someone chooses; without it there is nothing to choose.
  constructor(parent, choose = null) {
    this.choose = choose;
    this.root = make("fieldset", "bnp", parent);
    this.root.setAttribute("data-poll", "");
    make("legend", "bnp-legend", this.root, choose ? "Your prediction" : "The answers");
    this.rows = new Map();
  }

  // { choices: [{ key, text, right, said }], revealed, counts, chosen }
  update({ choices, revealed, counts, chosen }) {
    const keys = choices.map((choice) => choice.key).join();
    if (keys !== this.keys || this.of !== choices[0].text) {
      this.keys = keys;
      this.of = choices[0].text;
      for (const row of this.rows.values()) row.root.remove();
      this.rows = new Map(choices.map((choice) => [choice.key, this.row(choice.key)]));
    }
    this.root.classList.toggle("bnp-shown", revealed);
    const all = counts ? Object.values(counts).reduce((sum, n) => sum + n, 0) : 0;
    for (const { key, text, right, said } of choices) {
      const row = this.rows.get(key);
      setText(row.text, unbroken(text));
      row.root.classList.toggle("bnp-right", Boolean(revealed && right));
      row.root.classList.toggle("bnp-mine", key === chosen);
      setText(row.mark, revealed ? (right ? "✓" : "✗") : row.input ? "" : "•");
      setText(row.told, revealed ? (right ? " (right)" : " (wrong)") : "");
      if (row.input) {
        row.input.checked = key === chosen;
        row.input.disabled = revealed;
      }
      const n = counts?.[key] ?? 0;
      row.line.hidden = !(revealed && counts);
      row.bar.style.width = all ? `${(100 * n) / all}%` : "0";
      setAttribute(row.line, "data-count", n);
      setText(row.count, all ? `${n} of ${all}` : "no answers");
      setText(row.said, revealed && !right ? unbroken(said ?? "") : "");
    }
  }

  row(key) {
    const root = make("div", "bnp-row", this.root);
    root.setAttribute("data-choice", key);
    const label = make(this.choose ? "label" : "div", "bnp-label", root);
    const mark = make("span", "bnp-mark", label);
    mark.setAttribute("aria-hidden", "true");
    let input = null;
    if (this.choose) {
      input = make("input", "bnp-input", label);
      input.type = "radio";
      input.name = "bnp";
      input.onchange = () => this.choose(key);
    }
    const text = make("span", "bnp-text", label);
    const told = make("span", "bnp-hidden", label);
    const line = make("div", "bnp-line", root);
    const track = make("span", "bnp-track", line);
    const bar = make("span", "bnp-bar", track);
    const count = make("span", "bnp-count", line);
    return { root, mark, input, text, told, line, bar, count, said: make("p", "bnp-said", root) };
  }
}
