// Fits the page into the window, for a projector: the largest zoom at which nothing has to be
// scrolled. It is found by trying, since what a page holds breaks into lines of its own.

const SMALLEST = 0.6; // below it nobody reads: then the page scrolls
const LARGEST = 4;
const TRIES = 8;
const CLOSE = 0.97; // of the window's height, to all of it: then nothing is tried any more
const AIM = (1 + CLOSE) / 2;
const QUIET_MS = 120; // after the last change of what is on the page

const places = new WeakMap();
const frames = (count) =>
  new Promise((done) => {
    const next = () => (count-- > 0 ? requestAnimationFrame(next) : done());
    next();
  });

export default function ({ data, parentElement }) {
  let fit = places.get(parentElement);
  if (!fit) {
    fit = new Fit(parentElement);
    places.set(parentElement, fit);
  }
  const shown = new TextDecoder().decode(data);
  if (shown !== fit.shown) {
    fit.shown = shown;
    fit.later();
  }
  // An old cleanup may come after the next draw.
  return () => setTimeout(() => fit.mark.isConnected || fit.stop());
}

class Fit {
  constructor(parent) {
    this.mark = document.createElement("span");
    this.mark.hidden = true;
    this.mark.setAttribute("data-fit", "");
    parent.append(this.mark);
    this.main = document.querySelector("[data-testid=stMain]");
    this.page = document.querySelector("[data-testid=stMainBlockContainer]");
    this.zoom = 1;
    this.watch = new ResizeObserver(() => this.changed());
    this.watch.observe(this.page.firstElementChild ?? this.page);
    this.again = () => this.later();
    window.addEventListener("resize", this.again);
    document.fonts.ready.then(this.again);
  }

  stop() {
    this.gone = true; // what is still tried must not zoom a page that is no longer presented
    clearTimeout(this.timer);
    this.watch.disconnect();
    window.removeEventListener("resize", this.again);
    this.page.style.zoom = "";
    this.page.style.removeProperty("--fit-zoom");
  }

  // What the page holds grew or shrank; while something is held it stays where it is.
  changed() {
    if (this.trying || !this.mark.isConnected) return;
    const [room, high] = [window.innerHeight, this.height()];
    if (Math.abs(high - this.settled) < 2) return;
    if (high > room + 1 || high < 0.9 * room) this.later();
  }

  later() {
    this.mark.setAttribute("data-busy", "");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.find(), QUIET_MS);
  }

  // Down to the end of what is seen, in pixels of the window.
  height() {
    const top = this.page.getBoundingClientRect().top;
    const block = this.page.firstElementChild ?? this.page;
    const pad = parseFloat(getComputedStyle(this.page).paddingBottom) * this.zoom;
    return block.getBoundingClientRect().bottom - top + pad;
  }

  async set(zoom) {
    if (this.gone) return;
    this.zoom = zoom;
    this.page.style.zoom = zoom;
    this.page.style.setProperty("--fit-zoom", zoom);
    await frames(2); // pictures draw themselves anew for their new width
  }

  async find() {
    const held = document.documentElement.hasAttribute("data-bn-held");
    if (this.trying || held || !this.mark.isConnected) {
      if (this.mark.isConnected) this.later();
      return;
    }
    this.trying = true;
    const room = window.innerHeight;
    let [low, high] = [SMALLEST, LARGEST];
    let before = null;
    await this.set(this.zoom);
    for (let i = 0; i < TRIES; i += 1) {
      const [zoom, full] = [this.zoom, this.height() / room];
      if (full <= 1) low = zoom;
      else high = zoom;
      if ((full > CLOSE && full <= 1) || high < 1.01 * low) break;
      // Letters that are larger fill more lines: as a power of the zoom, seen at the last two tries.
      const power = before ? Math.log(full / before.full) / Math.log(zoom / before.zoom) : 2;
      before = { zoom, full };
      const near = zoom * (AIM / full) ** (1 / Math.min(Math.max(power || 2, 0.7), 4));
      await this.set(near > low && near < high ? near : (low + high) / 2);
    }
    if (this.height() > room) await this.set(low);
    this.main.scrollTo(0, 0);
    this.mark.setAttribute("data-zoom", this.zoom.toFixed(3));
    await frames(2);
    this.settled = this.height();
    this.trying = false;
    // Something came while it was tried: once more, but not without end.
    const late = this.settled > room + 1 && this.zoom > SMALLEST;
    this.lateness = late ? (this.lateness ?? 0) + 1 : 0;
    if (late && this.lateness < 6) this.later();
    else this.mark.removeAttribute("data-busy");
  }
}
