// What a station adds to each lane, as strands into it: solid for plus, hatched for minus, as
// thick as what they bring; side by side, plus and minus apart, they are the bundle.

// Each strand's lane, middle and width: gap lies between two, apart between minus and plus.
export function bundle(lanes, term, u, at, gap, apart) {
  const widthOf = (lane) => Math.max(1, Math.abs(lane.v[term]) * u);
  const total = (some) => some.reduce((sum, lane) => sum + widthOf(lane) + gap, 0);
  const bringing = lanes.filter((lane) => Math.abs(lane.v[term]) * u > 0.02);
  const minus = bringing.filter((lane) => lane.v[term] < 0);
  const plus = bringing.filter((lane) => lane.v[term] > 0);
  const between = minus.length && plus.length ? apart : 0;
  let x = at - (total(plus) + total(minus) + between) / 2;
  const found = [];
  for (const group of [minus, plus]) {
    for (const lane of group) {
      const width = widthOf(lane);
      found.push({ lane, x: x + width / 2, width });
      x += width + gap;
    }
    if (group === minus) x += between;
  }
  return found;
}

// From its node down to the edge of its lane: pale, and over the last pixels as it is. head: half
// the width of its arrow, or 0.
export function strand(pen, group, { lane, x, width }, value, { from, edge, last, head }) {
  const near = Math.max(from, edge - last);
  const box = (y, end, more) =>
    pen.draw("rect", { x: x - width / 2, y, width, height: Math.max(0, end - y), ...more }, group);
  box(from, near, { fill: lane.color, class: "bnr-far" });
  box(near, edge, { class: "bnr-paper" });
  box(near, edge, { fill: value > 0 ? lane.color : lane.pattern, stroke: value > 0 ? "none" : lane.color, "stroke-width": 0.8 });
  if (head) pen.draw("path", { d: `M${x - head} ${edge - 4}L${x} ${edge + 2}L${x + head} ${edge - 4}Z`, fill: lane.color }, group);
}
