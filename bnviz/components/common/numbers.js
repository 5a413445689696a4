// Numbers as people read them: the rule of bnviz/words/numbers.py, held to it by a test.

// What JSON has no number for arrives as text: "nan", "inf", "-inf".
const SPELLED = { nan: NaN, inf: Infinity, "-inf": -Infinity };
export const real = (value) => (typeof value === "string" ? SPELLED[value] ?? Number(value) : value);

// What is not finite is drawn as nothing.
export const finite = (value) => (Number.isFinite(real(value)) ? real(value) : 0);

const withMinus = (text) => text.replaceAll("-", "−");

export function number(given, signed = false, places = 2) {
  const value = real(given);
  if (Number.isNaN(value)) return "nan";
  const size = Math.abs(value);
  if (size === 0) return "0";
  let text;
  if (size === Infinity) text = "∞";
  else if (size < Number(`5e-${places + 1}`) || size >= 99999.5) {
    text = size.toExponential(1).replace("e+", "e");
  } else text = size.toFixed(size < 99.995 ? places : size < 999.95 ? 1 : 0);
  return withMinus((value < 0 ? "-" : signed ? "+" : "") + text);
}

// As few digits as say it, for a factor: ×0.8, ×−1.2.
export function short(given, places = 2) {
  const value = real(given);
  const text = number(value, false, places);
  return /[.]/.test(text) && !/e/.test(text) ? text.replace(/\.?0+$/, "") : text;
}

// Is the text all of the number? Then an equals sign may stand before it.
export const isExact = (text, given) =>
  Number(text.replaceAll("−", "-").replace("+", "")) === real(given);
