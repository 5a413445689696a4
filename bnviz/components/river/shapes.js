// Ribbons that are solid above their zero line and hatched below it, and smooth steps.

import { draw } from "../bnviz.common/dom.js";

const LIGHT = ["#E69F00", "#009E73", "#CC79A7", "#56B4E9"];

// Does a sample's colour want dark letters on it?
export const isLight = (color) => LIGHT.includes(color);

// From 0 to 1 without a corner.
export function smooth(share) {
  const t = Math.max(0, Math.min(1, share));
  return t * t * (3 - 2 * t);
}

// A lane that carries something is at least so thick that it can be seen.
export const thick = (height) => Math.sign(height) * Math.max(Math.abs(height), Math.min(2, 3 * Math.abs(height)));

export function hatch(defs, id, color) {
  const pattern = draw(
    "pattern",
    { id, width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
    defs,
  );
  draw("rect", { width: 5, height: 5, fill: color, "fill-opacity": 0.16 }, pattern);
  draw("line", { x1: 0, y1: 0, x2: 0, y2: 5, stroke: color, "stroke-width": 2.6 }, pattern);
}

// Drawn with a pen; points: [x, zero line, edge]. Above the line solid, below it hatched on paper.
export function ribbon(pen, parent, points, color, pattern) {
  for (const [clip, fill] of [[Math.min, color], [Math.max, pattern]]) {
    let there = "";
    let back = "";
    let most = 0;
    points.forEach(([x, zero, edge], i) => {
      const y = clip(zero, edge);
      most = Math.max(most, Math.abs(y - zero));
      there += `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(2)}`;
      back = `L${x.toFixed(1)} ${zero.toFixed(2)}${back}`;
    });
    if (most < 0.05) continue;
    const d = `${there}${back}Z`;
    if (fill === pattern) pen.draw("path", { d, class: "bnr-paper" }, parent);
    pen.draw("path", { d, fill, stroke: color, "stroke-width": 1, "stroke-linejoin": "round" }, parent);
  }
}
