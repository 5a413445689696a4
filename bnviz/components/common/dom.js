// What every component's script does with the page: make, set text, set attributes.

export function make(tag, className, parent, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  if (parent) parent.append(element);
  return element;
}

export function draw(tag, attributes, parent, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  if (parent) parent.append(element);
  return element;
}

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

// Keys pressed anywhere on the page, for as long as the element is on it. A component's
// cleanup is no place to stop listening: Streamlit may call an old one after the next draw.
export function onKeys(element, act) {
  const listen = (event) => {
    if (element.isConnected) act(event);
    else document.removeEventListener("keydown", listen);
  };
  document.addEventListener("keydown", listen);
}

// ∂L/∂W must not be torn at its slash.
export const unbroken = (text) => text.replaceAll("/∂", "/\u2060∂");

// Plain formulas, with derivatives as fractions, roots under a line and powers raised.
const PIECES = /(∂L\/∂(?:[^\s·()+−,=/ᵢ]|\u0302)+ᵢ?|1\/√\([^)]*\)|\^\{[^}]*\})/;

export function typeset(parent, text) {
  parent.replaceChildren();
  for (const piece of text.split(PIECES)) {
    if (!piece) continue;
    if (piece.startsWith("∂L/")) fraction(parent, "∂L", piece.slice(3));
    else if (piece.startsWith("1/√(")) {
      const bottom = fraction(parent, "1", "√");
      make("span", "bn-root", bottom, piece.slice(4, -1));
    } else if (piece.startsWith("^{")) make("sup", "", parent, piece.slice(2, -1));
    else parent.append(piece);
  }
}

function fraction(parent, top, bottom) {
  const box = make("span", "bn-fraction", parent);
  make("span", "", box, top);
  return make("span", "", box, bottom);
}
