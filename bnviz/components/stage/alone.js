// The stage on a page that was taken home: what Python would have answered is in the page itself.
//
// One number is held at a time, in the scenario that the page is about: let go, it springs back.

import { line } from "../bnviz.common/line.js";
import { Stage } from "./stage.js";

const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

async function unfolded(text) {
  const stream = new Blob([bytes(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

export async function start(place, text) {
  new Alone(place, await unfolded(text));
}

class Alone {
  constructor(place, kept) {
    this.kept = kept;
    this.home = kept.views[kept.home];
    this.scene = this.home;
    this.taken = 0;
    this.stage = new Stage(place);
    this.stage.post = (event) => setTimeout(() => this.answer(event));
    this.say(null);
  }

  say(seq, table = null) {
    const reply = { seq, notice: "", undo: false, redo: false, link: null, back: line.token };
    const packed = table ? bytes(table) : new Uint8Array();
    this.stage.receive({ scene: { ...this.scene, reply }, packed });
  }

  answer(event) {
    const { kind, seq } = event;
    const { views, steps, shifted, sweeps } = this.kept;
    const atHome = this.scene === this.home;
    if (kind === "take") {
      const table = atHome && !event.fine ? sweeps[`${event.term}:${event.row}`] : null;
      this.say(seq, table);
      return;
    }
    if (kind === "view") this.show(views[`${event.neuron},${event.input}`] ?? this.home);
    else if (kind === "step") this.step(steps);
    else if (kind === "shift") this.show(shifted ?? this.home);
    else if (kind !== "move") this.show(this.home);
    this.say(seq);
  }

  show(scene) {
    this.scene = scene;
    this.taken = 0;
  }

  step(steps) {
    const taken = Math.min(this.taken + 1, steps.length);
    if (steps.length) this.scene = { ...this.home, lever: steps[taken - 1] };
    this.taken = taken;
  }
}
