// Turns the keys of a presenter, arrows and those of a clicker, into one step on or back.

import { onKeys } from "../bnviz.common/dom.js";

const TURNS = { ArrowRight: 1, PageDown: 1, ArrowLeft: -1, PageUp: -1 };
// Where arrows have another meaning already.
const BUSY = "input, textarea, select, [role=slider], [role=radio], [role=combobox], td";

const places = new WeakMap();

export default function ({ parentElement, setTriggerValue }) {
  let place = places.get(parentElement);
  if (!place) {
    place = document.createElement("span");
    place.setAttribute("data-keys", "");
    place.hidden = true;
    parentElement.append(place);
    places.set(parentElement, place);
    onKeys(place, (event) => {
      const turn = TURNS[event.key];
      if (!turn || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target instanceof Element && event.target.closest(BUSY)) return;
      event.preventDefault();
      place.turn(turn);
    });
  }
  place.turn = (turn) => setTriggerValue("turn", turn);
}
