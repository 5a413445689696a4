// The stage: toolbar, headline, river, walk and ledger draw one scenario, and what people do goes to
// Python from here, one question at a time. It computes nothing of the gradient.

import { make, onKeys, setAttribute, setText, unbroken } from "../bnviz.common/dom.js";
import { line } from "../bnviz.common/line.js";
import { Walk } from "../bnviz.derive/derive.js";
import { Ledger } from "../bnviz.ledger/ledger.js";
import { Lever } from "../bnviz.lever/lever.js";
import { River } from "../bnviz.river/river.js";
import { Toolbar } from "../bnviz.toolbar/toolbar.js";
import { Hold } from "./hold.js";
import { unfold, unpack, unpacked } from "./sweep.js";

const LOST_MS = 5000; // an answer later than this is asked for again
const PAGE_MS = 1500; // a page that has not followed by then may have been asked something else
const AWAY_MS = 1000; // a line that is back sooner is not worth a word
const AWAY = "The server does not answer. What you set is kept here until it does.";

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

export class Stage {
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
    this.lever = new Lever(this);
    this.walk = new Walk(this);
    this.ledger = new Ledger(this);
    this.parts = [this.toolbar, this.walk, this.river, this.lever, this.ledger];
    this.queue = [];
    this.sent = null; // what Python has not answered yet
    this.follows = false; // it has, but for the page that follows
    this.seq = Date.now(); // never an older page's number
    onKeys(this.root, (event) => this.globalKey(event));
    line.listen(() => this.root.isConnected && this.lineChanged());
    if (!line.up) this.lineChanged();
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
      last && /^(move|walk)$/.test(event.kind) && last.kind === event.kind &&
      last.term === event.term && last.row === event.row;
    if (replaces) this.queue.pop();
    this.queue.push(event);
    this.flush();
  }

  // Steps that wait to be sent, where their answers are here already.
  forgetMoves() {
    this.queue = this.queue.filter(({ kind }) => kind !== "move");
  }

  set busy(value) {
    for (const element of [this.root, ...this.parts.slice(1).map((part) => part.root)]) {
      if (value) setAttribute(element, "data-busy", "");
      else element.removeAttribute("data-busy");
    }
  }

  // Is something of a kind not answered yet?
  awaits(kind) {
    return [this.sent, ...this.queue].some((event) => event?.kind === kind);
  }

  // The number of the event whose answer is awaited, or 0.
  get waiting() {
    return this.sent?.seq ?? 0;
  }

  flush() {
    this.busy = true;
    if (this.sent) return;
    const event = this.queue.shift();
    if (!event) {
      this.busy = false;
      return;
    }
    this.seq += 1;
    this.sent = { ...event, seq: this.seq };
    this.patience = LOST_MS;
    this.ask();
  }

  // While the line is down, or its session not yet back, what is to be sent waits.
  ask() {
    if (!line.up || this.returning) return;
    this.post(this.sent);
    this.expect();
  }

  expect() {
    clearTimeout(this.lostTimer);
    this.lostTimer = setTimeout(() => {
      if (!line.up) return;
      this.patience *= 2; // the server may merely be slow
      this.returning = true;
      this.away(true);
      line.again();
      this.expect();
    }, this.patience);
  }

  // The line broke, fell silent or is there again.
  lineChanged() {
    if (!line.up) this.returning = true;
    else if (this.returning) {
      this.patience = LOST_MS;
      this.expect();
    }
    clearTimeout(this.awayTimer);
    const gone = () => this.away(!line.up || line.silent);
    if (!line.up) this.awayTimer = setTimeout(gone, AWAY_MS);
    else if (line.silent || !this.returning) gone();
  }

  away(away) {
    clearTimeout(this.awayTimer);
    this.isAway = away;
    setText(this.notice, away ? AWAY : (this.data?.reply.notice ?? ""));
  }

  // An answer from Python: the numbers, and where something was taken, its sweep.
  receive({ scene, packed }) {
    if (!this.still && !scene.presets) {
      line.again(); // a new stage needs all of it
      return;
    }
    const { reply } = scene;
    const returned = this.returning && reply.back === line.token;
    // Sent again rather than taken for done; but a step in the history is not done twice.
    const again = returned && !/^(un|re)do$/.test(this.sent?.kind);
    const answered = this.sent !== null && reply.seq === this.sent.seq && !again;
    if (returned) this.returning = false;
    const first = answered && !this.follows;
    // The next question waits until the page that follows has been here: asked in its midst, it
    // would have the server drop what the page had for the stage, and the browser the stage.
    this.follows = answered && Boolean(reply.more);
    if (answered && !this.follows) this.sent = null;
    if (returned || (answered && !this.returning)) clearTimeout(this.lostTimer);
    if (this.isAway && !this.returning) this.away(false);
    if (reply.link) line.keep(reply.link);
    this.hold.answered(first && !this.queue.length, packed.length > 0);
    const { era } = this.hold;
    if (scene.few) this.hold.arrived(unpacked(packed, scene), era);
    // While the browser draws by itself, an answer that was under way is of an older position;
    // and what is held when the server comes back is newer than anything it knows.
    if (!this.hold.draws && !(returned && this.hold.gesture)) this.update(scene);
    if (packed.length && !scene.few) unfold(packed, scene).then((sweep) => this.hold.arrived(sweep, era));
    if (returned && this.sent) this.ask();
    else if (this.follows) this.lostTimer = setTimeout(() => this.next(), PAGE_MS);
    else if (answered) this.flush();
  }

  // What was asked is answered.
  next() {
    this.follows = false;
    this.sent = null;
    this.flush();
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
    if (!this.isAway) setText(this.notice, reply.notice ?? "");
    // Where the table is what a page asks about, the river stands below it.
    if (this.data.first === "ledger" && this.ledger.root.compareDocumentPosition(this.river.root) & 2) {
      this.root.append(this.river.root, this.lever.root);
    }
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
