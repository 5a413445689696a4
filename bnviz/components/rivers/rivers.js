// Small rivers, each with its title, why it runs dry, and one click to open it.

import { make, setText, unbroken } from "../bnviz.common/dom.js";
import { River } from "../bnviz.river/river.js";

const places = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  let place = places.get(parentElement);
  if (!place) {
    place = new Rivers(parentElement);
    places.set(parentElement, place);
  }
  place.open = (index) => setTriggerValue("open", index);
  place.update(JSON.parse(new TextDecoder().decode(data)));
}

class Rivers {
  constructor(parent) {
    this.root = make("div", "bns bnq", parent);
    this.root.setAttribute("data-rivers", "");
    this.cards = [];
  }

  update(chosen) {
    while (this.cards.length > chosen.length) this.cards.pop().root.remove();
    chosen.forEach((small, index) => this.draw((this.cards[index] ??= this.card(index)), small));
  }

  card(index) {
    const root = make("article", "bnq-card", this.root);
    const title = make("h2", "bnq-title", root);
    // The stage of a river that nobody can hold.
    const alone = { root, hold: { gesture: null }, point() {}, send() {}, data: {} };
    const river = new River(alone, { small: true });
    const result = make("p", "bnq-result", root);
    const bias = make("span", "bnq-bias", result);
    const weight = make("span", "bnq-weight", result);
    const why = make("p", "bnq-why", root);
    const foot = make("div", "bnq-foot", root);
    const button = make("button", "bns-button", foot, "Open");
    button.type = "button";
    const check = make("span", "bnq-check", foot);
    button.onclick = () => this.open(index);
    river.svg.onclick = () => this.open(index);
    return { root, title, river, bias, weight, why, check, button };
  }

  draw(card, { title, why, check, holds, river, ledger }) {
    setText(card.title, title);
    setText(card.why, unbroken(why));
    setText(card.check, `${holds ? "✓" : "✗"} ${check}`);
    card.check.classList.toggle("bnq-wrong", !holds);
    card.button.setAttribute("aria-label", `Open: ${title}`);
    const { bias, weight } = river.said;
    for (const [place, said] of [[card.bias, bias], [card.weight, weight]]) {
      place.hidden = !said;
      setText(place, said?.claim ?? "");
    }
    card.weight.classList.toggle("bnq-alive", Boolean(weight?.alive));
    card.river.update({ river, ledger, formulas: {} });
  }
}
