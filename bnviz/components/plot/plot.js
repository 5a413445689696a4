// Plotly pictures side by side, drawn into the same places again and again.

const rows = new WeakMap();
const built = new Set();
let library;

// 4.7 MB: it is fetched when a picture is about to be seen, and once for all pictures.
function plotly() {
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL("../bnviz.plotly/plotly.min.js", import.meta.url);
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => reject(new Error("plotly.min.js did not load"));
    document.head.append(script);
  });
  return library;
}

const DRESSED_MS = 5000; // then it is drawn as it stands
const whenIdle = window.requestIdleCallback ?? ((callback) => setTimeout(callback, 50));

export default function ({ data, parentElement }) {
  const pictures = JSON.parse(new TextDecoder().decode(data));
  let row = rows.get(parentElement);
  if (!row) {
    row = { root: document.createElement("div"), plots: [] };
    row.root.className = "bnp-row";
    parentElement.append(row.root);
    rows.set(parentElement, row);
  }
  while (row.plots.length > pictures.length) {
    const plot = row.plots.pop();
    plot.root.remove();
    forget(plot);
  }
  pictures.forEach((picture, index) => show((row.plots[index] ??= build(row.root)), picture));
  // Only when the row has really gone: an old cleanup may come after the next draw.
  return () => setTimeout(() => {
    if (!row.root.isConnected) row.plots.forEach(forget);
  });
}

function forget(plot) {
  plot.seen?.disconnect();
  built.delete(plot);
  window.Plotly?.purge(plot.picture);
}

function show(plot, picture) {
  plot.figure = picture.figure;
  plot.title.textContent = picture.title;
  plot.save.setAttribute("aria-label", `Save as SVG: ${picture.title}`);
  plot.picture.setAttribute("aria-label", picture.alt);
  size(plot);
  plot.due = true;
  if (!plot.seen) {
    sight(plot);
    new ResizeObserver(() => resized(plot)).observe(plot.root);
  }
  plan(plot);
}

// Plotly knows no zoom, and would look for the pointer elsewhere: on a page that is zoomed the
// picture is not, and is drawn larger instead.
function size(plot) {
  plot.zoom = plot.root.currentCSSZoom ?? 1;
  // What needs more width than a phone has is scrolled there, by keys too.
  const least = (plot.figure.layout.meta?.least ?? 0) * plot.zoom;
  plot.picture.style.minWidth = least ? `${least}px` : "";
  plot.frame.tabIndex = least > plot.frame.clientWidth * plot.zoom ? 0 : -1;
  plot.picture.style.zoom = 1 / plot.zoom;
  plot.picture.style.height = `${plot.figure.layout.height * plot.zoom}px`;
  plot.width = plot.picture.clientWidth;
}

// A figure may be drawn before the column that it stands in has its width: then once more.
function resized(plot) {
  if (!plot.figure || !plot.root.isConnected) return;
  const { zoom, width } = plot;
  size(plot);
  if (Math.abs(zoom - plot.zoom) < 1e-3 && Math.abs(width - plot.width) < 1) return;
  plot.due = true;
  plan(plot);
}

// What nobody sees is not drawn: a picture further down keeps its place and waits.
function plan(plot) {
  const later = plot.due && plot.near === false;
  plot.root.toggleAttribute("data-later", later);
  plot.root.toggleAttribute("data-busy", plot.planned || (plot.due && !later));
  if (!plot.due || !plot.near || plot.planned) return;
  plot.planned = true;
  whenIdle(() => draw(plot), { timeout: 1500 });
}

// Tell when a picture comes near the part of the page that is seen, or goes from there.
function sight(plot) {
  const root = plot.root.closest("[data-testid=stMain]");
  plot.seen = new IntersectionObserver(
    (entries) => {
      plot.near = entries.at(-1).isIntersecting;
      plan(plot);
    },
    { root, rootMargin: "100px 0px" },
  );
  plot.seen.observe(plot.root);
}

window.addEventListener("beforeprint", () => {
  for (const plot of built) {
    plot.near = plot.root.isConnected;
    plan(plot);
  }
});

function build(parent) {
  const root = document.createElement("figure");
  root.className = "bnp";
  root.setAttribute("data-plot", "");
  const title = document.createElement("figcaption");
  const picture = document.createElement("div");
  picture.setAttribute("role", "img");
  const frame = document.createElement("div");
  frame.className = "bnp-frame";
  frame.append(picture);
  const save = document.createElement("button");
  save.className = "bnp-save";
  save.type = "button";
  save.textContent = "SVG";
  root.append(title, save, frame);
  parent.append(root);
  const plot = { root, title, frame, picture, save, planned: false, due: false };
  built.add(plot);
  save.onclick = () => download(plot);
  return plot;
}

// The picture as it is, in black on white, so that it prints and fits any slide.
async function download(plot) {
  const Plotly = await plotly();
  const { data, layout } = plot.figure;
  const { width, height } = plot.picture.getBoundingClientRect();
  const filename = plot.title.textContent.replaceAll(/[^\p{L}\p{N}]+/gu, "-").slice(0, 60);
  await Plotly.downloadImage(
    { data, layout: { ...layout, font: { ...layout.font, size: 13 }, paper_bgcolor: "#fff" } },
    { format: "svg", width, height, filename: `bnviz-${filename}` },
  );
}

// A row's stylesheet is a file of its own, and may come after the row: until then each figure is
// as wide as the page, and would be drawn over its neighbours.
async function dressed({ root }) {
  const end = performance.now() + DRESSED_MS;
  while (root.isConnected && performance.now() < end) {
    if (getComputedStyle(root.parentElement).display === "grid") return;
    await new Promise(requestAnimationFrame);
  }
}

async function draw(plot) {
  if (!plot.near) {
    // What stands above it has come since, and it is far below.
    plot.planned = false;
    plan(plot);
    return;
  }
  const Plotly = await plotly().catch((error) => {
    plot.picture.textContent = `The picture is missing: ${error.message}.`;
  });
  await dressed(plot);
  plot.planned = false;
  plot.due = false;
  if (Plotly && plot.picture.isConnected) {
    const { data, layout } = plot.figure;
    size(plot);
    const width = plot.width;
    await Plotly.react(plot.picture, data, { ...themed(layout, plot.root, plot.zoom), width }, {
      displayModeBar: false,
    });
  }
  plan(plot);
}

// The colours of the page, light or dark.
function themed(layout, element, zoom = 1) {
  const style = getComputedStyle(element);
  const rule = style.getPropertyValue("--st-border-color").trim();
  const ink = style.color;
  const themedLayout = {
    ...layout,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: style.fontFamily, size: 13, color: ink, ...layout.font },
  };
  for (const name of Object.keys(layout).filter((key) => /^[xy]axis/.test(key))) {
    const axis = { gridcolor: rule, zerolinecolor: ink, linecolor: rule, ...layout[name] };
    // Plotly writes titles larger than numbers, and powers a quarter larger than it is told.
    if (axis.title) axis.title = { ...axis.title, font: { size: 13, ...axis.title.font } };
    if (axis.exponentformat === "power") axis.tickfont = { size: 10.5, ...axis.tickfont };
    themedLayout[name] = axis;
  }
  if (zoom === 1) return themedLayout;
  const times = (part) => Object.fromEntries(Object.entries(part).map(([name, size]) => [name, size * zoom]));
  const font = (part) => part && { ...part, size: (part.size ?? 13) * zoom };
  for (const name of Object.keys(themedLayout).filter((key) => /^[xy]axis/.test(key))) {
    const axis = themedLayout[name];
    const title = axis.title && { ...axis.title, font: font(axis.title.font) };
    themedLayout[name] = { ...axis, title, tickfont: font(axis.tickfont) };
  }
  return {
    ...themedLayout,
    height: layout.height * zoom,
    margin: times(layout.margin ?? {}),
    font: font(themedLayout.font),
    legend: layout.legend && { ...layout.legend, font: font(layout.legend.font ?? {}) },
    annotations: layout.annotations?.map((note) => ({ ...note, font: font(note.font) })),
  };
}
