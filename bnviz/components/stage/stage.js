// The stage: toolbar, headline, river and ledger draw one scenario, and what people do goes to
// Python from here, one question at a time. It computes nothing of the gradient.

import { make, onKeys, setAttribute, setText, unbroken } from "../bnviz.common/dom.js";
import { Ledger } from "../bnviz.ledger/ledger.js";
import { River } from "../bnviz.river/river.js";
import { Toolbar } from "../bnviz.toolbar/toolbar.js";
import { Hold } from "./hold.js";
import { unfold, unpack } from "./sweep.js";

const LOST_MS = 5000; // an answer later than this is not waited for

const stages = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  let stage = stages.get(parentElement);
  if (!stage) {
    stage = new Stage(parentElement);
    stages.set(parentElement, stage);
  }
  stage.post = (event) => setTriggerValue("event", event);
  stage.receive(unpack(data));
}

class Stage {
  constructor(parent) {
    this.root = make("section", "bns", parent);
    this.root.setAttribute("data-stage", "");
    this.root.setAttribute("aria-label", "The numbers on the screen");
    this.hold = new Hold(this);
    this.toolbar = new Toolbar(this);
    this.notice = make("p", "bns-notice", this.root);
    this.notice.setAttribute("role", "alert");
    this.head = make("div", "bns-head"); // on the page where there is a headline
    this.claim = make("h1", "bns-claim", this.head);
    this.why = make("p", "bns-why", this.head);
    this.river = new River(this);
    this.ledger = new Ledger(this);
    this.parts = [this.toolbar, this.river, this.ledger];
    this.queue = [];
    this.waiting = 0;
    this.seq = Date.now(); // never an older page's number
    onKeys(this.root, (event) => this.globalKey(event));
  }

  // ---- Python ------------------------------------------------------------------

  // A headline may grow or shrink by a line while a number is dragged; its place stays.
  keepPlace() {
    for (const text of [this.claim, this.why]) text.style.minHeight = `${text.offsetHeight}px`;
  }

  send(event) {
    if (!this.root.isConnected) return;
    const last = this.queue[this.queue.length - 1];
    const replaces =
      last && event.kind === "move" && last.kind === "move" &&
      last.term === event.term && last.row === event.row;
    if (replaces) this.queue.pop();
    this.queue.push(event);
    this.flush();
  }

  set busy(value) {
    for (const element of [this.root, this.ledger.root, this.river.root]) {
      if (value) setAttribute(element, "data-busy", "");
      else element.removeAttribute("data-busy");
    }
  }

  flush() {
    this.busy = true;
    if (this.waiting) return;
    const event = this.queue.shift();
    if (!event) {
      this.busy = false;
      return;
    }
    this.waiting = this.seq += 1;
    clearTimeout(this.lostTimer);
    this.lostTimer = setTimeout(() => {
      this.waiting = 0;
      this.flush();
    }, LOST_MS);
    this.post({ ...event, seq: this.waiting });
  }

  // An answer from Python: the numbers, and where something was taken, its sweep.
  receive({ scene, packed }) {
    const answered = this.waiting && scene.reply.seq === this.waiting;
    if (answered) {
      this.waiting = 0;
      clearTimeout(this.lostTimer);
    }
    this.hold.answered(answered && !this.queue.length, packed.length > 0);
    // While the browser draws by itself, an answer that was under way is of an older position.
    if (!this.hold.draws) this.update(scene);
    const { era } = this.hold;
    if (packed.length) unfold(packed, scene).then((sweep) => this.hold.arrived(sweep, era));
    if (answered) this.flush();
  }

  update(scene) {
    // What never changes is sent only when nothing is held.
    this.data = { ...this.still, ...scene };
    const { presets, heads, formulas } = this.data;
    this.still = { presets, heads, formulas };
    const { headline, reply } = this.data;
    if (!headline) this.head.remove();
    else if (!this.head.isConnected) this.notice.after(this.head);
    if (headline) {
      if (!this.hold.gesture && this.preset !== this.data.toolbar?.preset) {
        this.claim.style.minHeight = this.why.style.minHeight = "";
      }
      this.preset = this.data.toolbar?.preset;
      setText(this.claim, unbroken(headline.claim));
      setText(this.why, unbroken(headline.why));
    }
    setText(this.notice, reply.notice ?? "");
    for (const part of this.parts) part.update(this.data);
  }

  // ---- What is pointed at, in the river or in the ledger ------------------------

  point(what, aloud = false) {
    this.ledger.light(what, aloud);
    this.river.light(what);
  }

  globalKey(event) {
    const { key, target } = event;
    if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
    if (target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA)$/.test(target.tagName))) return;
    const letter = key.toLowerCase();
    const redo = letter === "y" || (letter === "z" && event.shiftKey);
    if (letter !== "z" && !redo) return;
    event.preventDefault();
    this.hold.settle();
    this.send({ kind: redo ? "redo" : "undo" });
  }
}
