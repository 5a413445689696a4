// Turns the keys of a presenter, arrows and those of a clicker, into one step on or back.
//
// The page keys are a clicker's: they always turn. The arrows turn unless someone walks a
// slider, the answers or the table by keyboard; a pointer leaves no focus behind, so after a
// click they turn as well.

const PAGES = { PageDown: 1, PageUp: -1 };
const ARROWS = { ArrowRight: 1, ArrowLeft: -1 };
const TYPING =
  "input:not([type=radio], [type=checkbox], [type=range]), textarea, [contenteditable=true]";
// Where arrows have another meaning already.
const BUSY = "input[type=radio], input[type=range], select, [role=slider], [role=radio], td";
const SWITCH = "input[type=checkbox], [role=switch]";

const places = new WeakMap();

const within = (target, selector) => target instanceof Element && target.closest(selector);

// For as long as the element is on the page, and before anyone else: the ledger's sliders have
// a use of their own for the page keys.
function listen(element, kind, act) {
  const first = (event) => {
    if (element.isConnected) act(event);
    else document.removeEventListener(kind, first, true);
  };
  document.addEventListener(kind, first, true);
}

function letGo() {
  const active = document.activeElement;
  if (within(active, `${BUSY}, ${SWITCH}`) && !within(active, TYPING)) active.blur();
}

function turnOf({ key, target, ctrlKey, metaKey, altKey, shiftKey }) {
  if (ctrlKey || metaKey || altKey || shiftKey || within(target, TYPING)) return 0;
  return PAGES[key] ?? (within(target, BUSY) ? 0 : (ARROWS[key] ?? 0));
}

export default function ({ data, parentElement, setTriggerValue }) {
  let place = places.get(parentElement);
  if (!place) {
    place = document.createElement("span");
    place.setAttribute("data-keys", "");
    place.hidden = true;
    parentElement.append(place);
    places.set(parentElement, place);
    const mine = place;
    listen(mine, "keydown", (event) => {
      const turn = turnOf(event);
      if (!turn) return;
      event.preventDefault();
      event.stopPropagation();
      letGo(); // a number that is still held stays with the page that is left
      mine.turn(turn);
    });
    // Later: a label hands the focus on only after its click. A click by key has no detail.
    listen(mine, "pointerup", () => setTimeout(letGo));
    listen(mine, "click", (event) => event.detail && setTimeout(letGo));
  }
  place.turn = (turn) => setTriggerValue("turn", turn);
  const page = new TextDecoder().decode(data);
  if (place.dataset.keys !== page) {
    place.dataset.keys = page;
    document.querySelector("[data-testid=stMain]")?.scrollTo(0, 0);
  }
}
