// A phone in a room: it follows the teacher's step, answers, and plays with the numbers.
//
// All steps are here from the start; what comes over the channel is which one, and how many
// answered. The numbers are Python's, as on the teacher's screen, and so is every answer to a drag.

import { make, setText, unbroken } from "../bnviz.common/dom.js";
import { line } from "../bnviz.common/line.js";
import { Guess } from "../bnviz.guess/guess.js";
import { Poll } from "../bnviz.poll/poll.js";
import { Stage } from "../bnviz.stage/stage.js";
import { unpack } from "../bnviz.stage/sweep.js";

const GONE = 4404; // no such room
const PATIENCE_MS = 3000; // for a line to open
const SILENT_MS = 40000; // for one that is open to say anything
const SLOW_MS = 3000; // between two questions, where no line can be had
const DOWN_MS = 700; // and where nobody answers at all

const version = document.documentElement.dataset.version;
const place = document.getElementById("room");
const remembered = {
  get: (key) => {
    try {
      return localStorage.getItem(key);
    } catch {
      return null; // a private window
    }
  },
  set: (key, value) => {
    try {
      localStorage.setItem(key, value);
    } catch {
      // then the phone is another one after a reload
    }
  },
};

async function send(path, body) {
  const answer = await fetch(path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  if (answer.ok) return answer;
  const said = await answer.json().then((found) => found.error, () => "");
  throw Object.assign(new Error(said || "The server does not answer."), { status: answer.status });
}

// ---- The door -----------------------------------------------------------------------------

function door(said = "", code = "") {
  const form = make("form", "ph-enter");
  make("h1", "", form, "Join a room");
  const label = make("label", "", form, "The code on the teacher’s screen");
  const input = make("input", "ph-code", label);
  Object.assign(input, { value: code, autocomplete: "off", spellcheck: false, maxLength: 12 });
  input.autocapitalize = "none";
  make("button", "ph-button", form, "Join");
  const error = make("p", "ph-error", form, said);
  error.setAttribute("role", "alert");
  form.onsubmit = (event) => {
    event.preventDefault();
    enter(input.value).catch((problem) => setText(error, problem.message));
  };
  place.replaceChildren(form);
  input.focus();
}

const tidy = (text) => text.replace(/[\s-]/g, "").toLowerCase();

async function enter(typed) {
  let code = tidy(typed);
  let phone = remembered.get(`bnviz:${code}`);
  if (!phone) {
    ({ phone, code } = await (await send("join", { code })).json());
    remembered.set(`bnviz:${code}`, phone);
  }
  history.replaceState(null, "", `#${code}`);
  const steps = await (await fetch(`files/${version}/lesson.json`)).json();
  new Room(code, phone, steps);
}

// ---- The room -----------------------------------------------------------------------------

class Room {
  constructor(code, phone, steps) {
    Object.assign(this, { code, phone, steps });
    this.room = null; // the last message
    this.step = -1;
    this.turn = 0; // what is asked for an earlier screen is not drawn on a later one
    this.arrived = JSON.parse(remembered.get(`bnviz:${code}:said`) ?? "{}"); // what was answered
    this.chosen = { ...this.arrived }; // and what is to be
    this.telling = Promise.resolve();
    place.replaceChildren();
    const bar = make("div", "ph-bar", place);
    this.count = make("p", "ph-count", bar);
    this.status = make("p", "ph-status", bar);
    this.status.setAttribute("role", "status");
    this.turns = make("div", "ph-turns", bar);
    this.back = this.button("← Back", () => this.go(this.step - 1));
    this.next = this.button("Next →", () => this.go(this.step + 1));
    this.own = make("button", "ph-button", bar, "Take the step’s numbers");
    this.own.onclick = () => this.go(this.step);
    const words = make("div", "ph-words", place);
    this.title = make("h1", "ph-title", words);
    this.question = make("p", "ph-question", words);
    this.guess = new Guess(words, true);
    this.guess.post = (value) => this.answer(null, value);
    this.poll = new Poll(words, (key) => this.answer(key));
    this.problem = make("p", "ph-error", words);
    this.problem.setAttribute("role", "alert");
    const story = make("div", "ph-story", words);
    this.claim = make("h2", "ph-claim", story);
    this.why = make("p", "ph-why", story);
    this.stage = new Stage(make("div", "ph-stage", place));
    this.stage.post = (event) => this.play(event);
    this.say("Joining…");
    this.follow();
    // A phone that was locked has missed what happened, and its line may be dead.
    document.addEventListener("visibilitychange", () => document.hidden || this.follow());
    window.addEventListener("online", () => this.follow());
    window.addEventListener("pageshow", (event) => event.persisted && this.follow());
  }

  button(text, act) {
    const button = make("button", "ph-button", this.turns, text);
    button.onclick = act;
    return button;
  }

  say(text) {
    setText(this.status, text);
  }

  // ---- The channel

  follow() {
    if (this.over) return;
    this.socket?.close();
    clearTimeout(this.again);
    const url = new URL(`follow/${this.code}`, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    url.hash = "";
    const socket = new WebSocket(url);
    this.socket = socket;
    socket.onmessage = ({ data }) => {
      if (socket !== this.socket) return;
      this.expect(SILENT_MS);
      if (data) this.heard(JSON.parse(data));
    };
    socket.onclose = ({ code, reason }) => {
      if (socket !== this.socket || this.over) return;
      if (code === GONE) this.heard({ ended: true });
      else this.ask(reason);
    };
    this.expect(PATIENCE_MS);
  }

  // A line that says nothing for so long is tried anew.
  expect(patience) {
    clearTimeout(this.again);
    this.again = setTimeout(() => this.ask(), patience);
  }

  // Without a line: what is it now? And the line once more.
  async ask() {
    clearTimeout(this.again);
    try {
      const answer = await fetch(`now/${this.code}?phone=${this.phone}`, { cache: "no-store" });
      if (answer.status === 404) this.heard({ ended: true });
      else if (answer.ok) this.heard(await answer.json());
      else throw new Error(answer.status);
      this.again = setTimeout(() => this.follow(), SLOW_MS);
    } catch {
      this.say("The line is down. This page comes back by itself.");
      this.again = setTimeout(() => this.follow(), DOWN_MS);
    }
  }

  heard(message) {
    if (message.ended) {
      this.over = true;
      this.socket.close();
      clearTimeout(this.again);
      this.say("The room has ended. What is on the screen stays, to play with.");
      this.free(true);
      return;
    }
    if (message.away) {
      this.say(message.away);
      this.free(true);
      return;
    }
    const before = this.room;
    this.room = message;
    this.catchUp(before);
  }

  // What the teacher shows is shown here, unless phones are free or a number is held.
  catchUp(before = null) {
    const { room } = this;
    this.free(room.free);
    if (room.free && this.step >= 0) {
      this.say(`Explore freely. The teacher is at step ${room.step + 1}.`);
      this.words();
      return;
    }
    const moved =
      !before || before.free || this.late || before.step !== room.step ||
      before.link !== room.link || before.shown !== room.shown;
    this.late = false;
    if (!moved) {
      this.words();
      this.tally();
      return;
    }
    if (this.stage.hold.gesture && !this.stage.hold.gesture.done) {
      this.late = true; // nobody is thrown out of what he holds
      clearTimeout(this.waiting);
      this.waiting = setTimeout(() => this.late && this.catchUp(), 200);
      return;
    }
    this.go(room.step, room.link);
  }

  tally() {
    const { answered, joined, shown } = this.room;
    const asked = !shown && this.lesson?.poll;
    this.say(asked ? `Following the teacher. ${answered} of ${joined} have answered.` : "Following the teacher.");
  }

  free(free) {
    this.turns.hidden = !free;
    this.back.disabled = this.step <= 0;
    this.next.disabled = this.step >= this.steps.length - 1;
  }

  // ---- What is on the screen

  revealed(step) {
    return this.room ? this.room.revealed.includes(step) : false;
  }

  // Goes to a step, with its own numbers or those of a link.
  async go(step, link = "") {
    this.turn += 1;
    const { turn } = this;
    const revealed = this.revealed(step);
    let frame = { scene: this.steps[step][revealed ? 1 : 0], packed: new Uint8Array() };
    if (link) {
      try {
        const answer = await send("stage", { step, link, revealed });
        frame = unpack(new Uint8Array(await answer.arrayBuffer()));
      } catch (problem) {
        if (turn === this.turn) setText(this.problem, problem.message);
      }
      if (turn !== this.turn) return;
    }
    const turned = step !== this.step;
    this.step = step;
    this.draw(frame, this.stage.sent?.seq ?? null);
    if (turned) window.scrollTo(0, 0);
    this.free(this.room?.free ?? true);
    if (!this.over && !this.room.free) this.tally();
  }

  draw({ scene, packed }, seq) {
    this.lesson = scene.lesson;
    const reply = { ...scene.reply, seq, back: line.token };
    this.stage.receive({ scene: { ...scene, reply }, packed });
    this.words();
  }

  words() {
    const { lesson, room } = this;
    if (!lesson) return;
    const revealed = this.revealed(this.step);
    setText(this.count, `${this.step + 1} of ${this.steps.length}`);
    setText(this.title, unbroken(lesson.title));
    setText(this.question, unbroken(lesson.question ?? lesson.other ?? ""));
    const { poll, number } = lesson;
    const here = room && room.step === this.step ? room : {};
    const { choice = null, value = null } = this.chosen[this.step] ?? {};
    this.guess.root.hidden = !number;
    if (number) this.guess.update({ ...number, value, dots: here.values });
    this.poll.root.hidden = !poll;
    if (poll) this.poll.update({ ...poll, counts: here.counts, chosen: choice });
    setText(this.claim, unbroken(lesson.story?.claim ?? ""));
    setText(this.why, unbroken(lesson.story?.why ?? ""));
    this.own.hidden = !lesson.link || lesson.link === room?.link;
    this.revealedHere = revealed;
  }

  // ---- What is done here

  // One of the answers on offer, or a number, to which the server finds the nearest of them.
  answer(choice, value = null) {
    const { step } = this;
    const said = { choice, value };
    this.chosen[step] = said;
    this.words();
    setText(this.problem, "");
    // One at a time: of two that are under way at once, either may arrive last.
    this.telling = this.telling.then(() => this.tell(step, said));
  }

  async tell(step, said) {
    if (this.chosen[step] !== said) return; // another one since
    const { choice, value } = said;
    try {
      const sent = value === null ? { choice } : { value };
      const answer = await send("answer", { code: this.code, phone: this.phone, step, ...sent });
      this.arrived[step] = { choice: (await answer.json()).choice, value };
      if (this.chosen[step] === said) this.chosen[step] = this.arrived[step];
      this.words();
      remembered.set(`bnviz:${this.code}:said`, JSON.stringify(this.arrived));
    } catch (problem) {
      if (this.chosen[step] !== said) return;
      this.chosen[step] = this.arrived[step];
      this.words();
      setText(this.problem, problem.status ? problem.message : "This answer did not arrive. Choose again.");
    }
  }

  async play(event) {
    const { turn, step, lesson } = this;
    const { link, look } = lesson;
    const body = { step, link, look, revealed: this.revealed(step), event };
    let frame = null;
    try {
      const answer = await send("stage", body);
      frame = unpack(new Uint8Array(await answer.arrayBuffer()));
    } catch (problem) {
      if (turn !== this.turn) return;
      const scene = { ...this.stage.data, lesson };
      scene.reply = { ...scene.reply, notice: problem.status ? problem.message : "The server does not answer." };
      frame = { scene, packed: new Uint8Array() };
    }
    if (turn === this.turn && this.stage.sent?.seq === event.seq) this.draw(frame, event.seq);
  }
}

const code = location.hash.slice(1);
if (code) enter(code).catch((problem) => door(problem.message, code));
else door();
