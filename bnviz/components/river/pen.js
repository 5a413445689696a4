// Draws a picture over the one before: what is the same stays, and costs nothing.
//
// Elements are drawn in the same order each time, so the n-th child of a parent is the n-th of
// the picture before; only attributes and texts that differ are touched.

import { draw } from "../bnviz.common/dom.js";

const attributesOf = new WeakMap();

export class Pen {
  begin(root) {
    this.drawn = new Map([[root, 0]]); // how many children each parent has by now
  }

  draw(tag, attributes, parent, text) {
    const at = this.drawn.get(parent);
    let element = parent.children[at];
    if (element?.localName === tag) this.change(element, attributes);
    else {
      const made = draw(tag, attributes);
      parent.insertBefore(made, element ?? null);
      element = made;
    }
    attributesOf.set(element, attributes);
    if (text !== undefined && element.textContent !== text) element.textContent = text;
    this.drawn.set(parent, at + 1);
    this.drawn.set(element, 0);
    return element;
  }

  change(element, attributes) {
    const before = attributesOf.get(element) ?? {};
    for (const [name, value] of Object.entries(attributes)) {
      if (before[name] !== value) element.setAttribute(name, value);
    }
    for (const name of Object.keys(before)) {
      if (!(name in attributes)) element.removeAttribute(name);
    }
  }

  // What the picture before had more of.
  end() {
    for (const [parent, count] of this.drawn) {
      while (parent.children.length > count) parent.lastElementChild.remove();
    }
  }
}
