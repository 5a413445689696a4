// Where everything of the river stands, by the width there is and the number of lanes.
//
// Every x is a station's, from the loss at the right to the weight at the left; every y counts
// from the top. One scale for lanes, strands and both piles: a unit is as thick everywhere.

import { real } from "../bnviz.common/numbers.js";

const size = (values) => Math.max(0, ...values.map((v) => Math.abs(real(v))).filter(Number.isFinite));

// So many pixels a unit that the largest of the values fits into the room.
export const fits = (room, values) => room / Math.max(size(values), 1e-300);

// From the loss (0) to the point where the lanes end (1).
const STATIONS = {
  label: 0,
  mouth: 0.05,
  dy: 0.095,
  gate: 0.15,
  dx_direct: 0.215,
  var: 0.315,
  dx_via_var: 0.415,
  mean: 0.515,
  dx: 0.62,
  drop: 0.655,
  pill: 0.845,
  turn: 0.893,
  dweight: 0.95,
  end: 1,
};

// What there is to the left of ∂L/∂x, and below the lanes, goes with the parts that are shown.
function shown({ parts }) {
  const has = (part) => parts.includes(part);
  return { piles: has("weight") || has("bias"), weight: has("weight"), sum: has("sum"), norm: has("norm") };
}

function wide(width, count, parts) {
  const w = Math.max(860, Math.min(1240, width));
  const left = parts.piles ? 150 + ((w - 860) / 380) * 120 : 8;
  const end = parts.piles ? 1 : 0.69;
  const x = {};
  for (const [name, share] of Object.entries({ ...STATIONS, end })) {
    x[name] = w - 16 - (share / end) * (w - 16 - left);
  }
  x.mouth = Math.min(x.mouth, w - 66);
  const top = 138;
  const base = 478;
  // Few lanes lie further apart, and may be thicker.
  const pitch = count > 1 ? Math.min({ 2: 130, 3: 92, 4: 70 }[count] ?? 56, 250 / (count - 1)) : 0;
  const first = { 1: top + 100, 2: top + 50, 3: top + 22 }[count] ?? top;
  const low = first + pitch * Math.max(0, count - 1) + (pitch || 90) * 0.62;
  const said = parts.norm ? 126 : 78;
  return {
    low,
    phone: false,
    w,
    h: parts.piles ? base + 142 : parts.sum ? base + said : low + 50,
    x,
    band: { gate: 13, var: 40, mean: 40, turn: 20 },
    node: { y: 26, r: 20 },
    equation: 78,
    first,
    pitch,
    room: pitch || 90,
    sum: base,
    base,
    caps: { up: 62, down: 40, bundle: 60, drops: 86, sum: 40 },
    bias: [x.drop - 96 - 54, 54],
    weight: [Math.max(40, left * 0.24), 52],
    net: 13,
    narrow: w < 1160, // too narrow for sentences beside the stations
  };
}

// On a phone; without the piles what is left is as wide as the screen.
const PHONE = {
  label: 361,
  mouth: 318,
  dy: 293,
  gate: 266,
  dx_direct: 242,
  var: 208,
  dx_via_var: 179,
  mean: 148,
  dx: 123,
  drop: 226,
  pill: 72,
  turn: 38,
  dweight: 18,
  end: 4,
};

function phone(count, parts) {
  const pitch = count > 1 ? Math.min(56, Math.max(22, 420 / (count - 1))) : 0;
  const first = 140;
  const last = first + (count > 1 ? pitch * (count - 1) : 20);
  const sum = last + 76;
  const base = sum + 128;
  const low = last + (pitch || 56) * 0.62;
  return {
    low,
    phone: true,
    w: 374,
    h: parts.piles ? base + 170 : parts.sum ? sum + 40 : low + 8,
    x: parts.piles ? PHONE : Object.fromEntries(Object.entries(PHONE).map(([name, x]) => [name, 361 - (361 - x) * 1.22])),
    band: { gate: 6, var: 17, mean: 17, turn: 7 },
    node: { y: 34, r: 15 },
    equation: 92,
    first: count > 1 ? first : first + 20,
    pitch,
    room: pitch || 56,
    sum,
    base,
    caps: { up: 72, down: 50, bundle: 22, drops: 1e9, sum: 30 },
    bias: [226, 40],
    weight: [34, 40],
    net: 12,
    narrow: true,
  };
}

// From where to where a place of the river goes, from the right to the left; the names are those
// of bnviz/draw/derive_river.py.
function reach({ x, band, w, bias, phone }, place) {
  const end = x.dx - (phone ? 24 : 34);
  const half = 21; // of a number, which on a phone stands over the edge of its place
  return {
    mouth: [w + 9, x.gate + band.gate],
    gate: [x.gate + band.gate, x.gate - band.gate],
    direct: [phone ? x.dx_direct + half : x.gate - band.gate, phone ? x.dx_direct - half + 2 : x.var + band.var],
    var: [phone ? x.dx_direct - half + 2 : x.var + band.var, phone ? x.dx_via_var - half : x.var - band.var],
    after: [phone ? x.var + 3 : x.var - band.var, phone ? x.dx_via_var - half : x.mean + band.mean],
    mean: [x.mean + band.mean, x.mean - band.mean],
    x: [phone ? x.dx + half : x.mean - band.mean, end],
    bias: [end, phone ? x.turn + 20 : bias[0] - 60],
    a: [end, x.turn + band.turn],
    weight: [x.turn + band.turn, -9],
  }[place];
}

// The parts of the picture that are lit for a stretch, as rectangles: left, top, width, height.
// What stands over the lanes is lit with what it belongs to, which may be wider or narrower.
export function lit(g, { lanes, sum, nodes }, last) {
  const { x, band, phone } = g;
  const [head, top, below] = [g.node.y + g.node.r + 6, g.first - g.room * 0.62, last + (phone ? g.room * 0.5 : 44)];
  const foot = phone ? g.sum + 24 : g.h;
  const found = [];
  const add = ([end, start], from, to) => found.push([start, from, end - start, to - from]);
  // The gate's: its pill to the right and to the left, and half of its formula.
  const [right, left, rule] = phone ? [42, 27, 12] : [44, 44, 28];
  const sign = phone ? 10 : 16; // half of ①, without the plus before it
  for (const place of lanes) {
    const [from, to] = reach(g, place);
    add([from, to], top, below);
    if (place === "mouth") {
      add([from, x.gate + right], 0, head);
      add([from, x.gate + rule], head, top);
    } else if (place === "gate") {
      add([x.gate + right, x.gate - left], 0, head);
      add([x.gate + rule, x.gate - rule], head, top);
    } else if (place === "direct") add([x.gate - rule, lanes.includes("var") ? to : x.dx_direct - sign], head, top);
    else if (place === "x") add([lanes.includes("mean") ? from : x.dx + (phone ? 13 : -4), to], head, top);
    else if (place === "after") add([from, to], head, top);
    else if (place !== "var" && place !== "mean") add([from, to], 0, top);
  }
  for (const place of sum) {
    if (!phone || !/bias|weight/.test(place)) add(reach(g, place), below, foot);
    else add(place === "bias" ? [g.w, g.w / 2] : [g.w / 2, -9], foot, g.h);
  }
  for (const node of new Set([...nodes, ...lanes.filter((place) => place in { var: 1, mean: 1 })])) {
    add([x[node] + g.node.r + 2, x[node] - g.node.r - 2], 0, head);
    if (!phone || lanes.includes(node)) add([x[node] + band[node], x[node] - band[node]], head, top);
    // Its number stands where there is room for it.
    if (!phone) add(g.narrow ? [x[node], x[node] - 116] : [x[node] + 112, x[node] - 86], 0, head);
  }
  return found;
}

// The layout with its scales: u pixels a unit from the gate to ∂L/∂x, mouth for ∂L/∂y, by for
// what the weight gets; part says by how much `by` is smaller where × a would burst the picture.
export function layout(width, river) {
  const { lanes, rest, batch, piles, moved } = river;
  const all = (term) => [...(lanes[term] ?? []), ...(rest ? [rest[term] ?? 0] : [])];
  const count = river.rows.length + (rest ? 1 : 0);
  const parts = shown(river);
  const g = width < 560 ? phone(count, parts) : wide(width, count, parts);
  const u = Math.min(
    fits(g.room * 0.54, [...all("dx_direct"), ...all("after_var"), ...all("dx")]),
    fits(g.caps.up, [piles.bias[0]]),
    fits(g.caps.down, [piles.bias[1]]),
    fits(g.caps.bundle, [batch.dx_via_mean, moved]),
    fits(g.caps.sum, [batch.dx_direct]),
    fits(g.caps.drops, [piles.bias[0] - piles.bias[1]]),
    1e300,
  );
  let by = u;
  let part = 1;
  if (piles.weight) {
    const most = Math.min(
      fits(g.room * 0.62, all("dweight")),
      fits(g.caps.up, [piles.weight[0]]),
      fits(g.caps.down - 8, [piles.weight[1]]),
    );
    if (most < u) {
      // A little smaller, all lanes shrink with it; much smaller, and the rest is drawn at 1/part.
      part = most >= 0.4 * u ? 1 : (2 ** Math.ceil(Math.log2(u / most)));
      by = part === 1 ? most : u / part;
    }
  }
  const scale = part === 1 ? Math.min(u, by) : u;
  const mouth = Math.min(scale, fits(g.room * 0.54, all("dy")), fits(g.caps.sum, [batch.dy]));
  return { ...g, count, u: scale, by: part === 1 ? scale : by, part, mouth, dense: g.pitch > 0 && g.pitch < 34 };
}
