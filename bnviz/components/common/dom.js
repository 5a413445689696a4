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

// ∂L/∂W must not be torn at its slash, nor 1/√(σ²+ε).
export const unbroken = (text) => text.replace(/\/(?=[∂√])/g, "/\u2060");

// How formulas look, with their font; once for the page.
// A page that carries it within itself says so.
if (!document.querySelector("style[data-math]")) {
  const look = document.createElement("link");
  look.rel = "stylesheet";
  look.href = new URL("math.css", import.meta.url).href;
  document.head.append(look);
}

const parsed = new Map();

// Sets a formula: MathML that Python made from the glossary's LaTeX, parsed as XML once.
// Gives back the <math> element, the old one where the formula is the same; it can also stand
// in an SVG's <foreignObject>.
export function setMath(element, mathml) {
  const old = element.firstChild;
  if (old?.localName === "math" && element.mathml === mathml) return old;
  if (!parsed.has(mathml)) {
    parsed.set(mathml, new DOMParser().parseFromString(mathml, "application/xml").documentElement);
  }
  const math = document.importNode(parsed.get(mathml), true);
  element.replaceChildren(math);
  element.mathml = mathml;
  return math;
}

// Puts numbers into the slots of a formula, by name; in parentheses where a sign would
// follow an operator. A slot without a number stays empty.
export function fillSlots(math, numbers) {
  math.removeAttribute("aria-label"); // which has no numbers in it
  for (const slot of math.querySelectorAll("[data-slot]")) {
    const text = (numbers[slot.dataset.slot] ?? "").replace(/^\+/, "");
    const before = slot.previousElementSibling;
    const follows = before?.localName === "mo" && !/^[(=]$/.test(before.textContent);
    setText(slot.firstElementChild, follows && text.startsWith("−") ? `(${text})` : text);
  }
  return math;
}
