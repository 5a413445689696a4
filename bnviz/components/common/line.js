// The line to the server: is it up, and what the server must know when it comes back.
//
// Streamlit opens a broken socket again by itself. A server that has lost the session then
// answers no event of a fragment, so the first thing it gets is a question of the whole page.

const TICK_MS = 1000;
const QUIET_MS = 4000; // after this long without a word the server is asked for one
const SILENT_MS = 6000; // and given this long to say it
const HEARTBEAT = new Uint8Array([0x88, 0x01, 0x01]); // Streamlit's BackMsg, app_heartbeat: true
const STATE = "data-test-connection-state";

class Line {
  constructor() {
    this.up = true;
    this.silent = false;
    this.token = 0;
    this.listeners = new Set();
    this.socket = null;
    this.post = () => {};
    new MutationObserver(() => this.look()).observe(document.body, {
      attributes: true, attributeFilter: [STATE], subtree: true,
    });
    setInterval(() => this.tick(), TICK_MS);
  }

  // Calls act whenever the line breaks, falls silent or is there again; until it returns false.
  listen(act) {
    this.listeners.add(act);
  }

  tell() {
    for (const act of this.listeners) if (act() === false) this.listeners.delete(act);
  }

  look() {
    const up = document.querySelector(`[${STATE}]`)?.getAttribute(STATE) === "CONNECTED";
    if (up === this.up) return;
    this.up = up;
    this.silent = false;
    if (up) this.again();
    this.tell();
  }

  // What is on the screen, as the query of a link. The URL follows it, and leads once it has
  // changed; a server that went away in between has to be told.
  keep(link) {
    this.kept = { link, url: location.search };
  }

  // A run of the whole page, from outside of every fragment.
  again() {
    const link = this.kept?.url === location.search ? this.kept.link : null;
    this.token = Date.now();
    this.post({ token: this.token, link });
  }

  // A network that swallows packets closes no socket: one that says nothing is asked, and
  // closed where the server answers elsewhere. Where it doesn't, it is slow or out of reach,
  // and nothing would be gained.
  watch(socket) {
    this.socket = socket;
    this.heard = Date.now();
    this.asked = 0;
    socket.addEventListener("message", () => {
      if (socket !== this.socket) return;
      this.heard = Date.now();
      this.asked = 0;
      if (!this.silent) return;
      this.silent = false;
      this.tell();
    });
  }

  async tick() {
    const { socket } = this;
    if (!this.up || document.hidden || socket?.readyState !== WebSocket.OPEN) return;
    const now = Date.now();
    if (!this.asked && now - this.heard > QUIET_MS) {
      this.asked = now;
      socket.send(HEARTBEAT);
    }
    if (!this.asked || now - this.asked < SILENT_MS) return;
    if (!this.silent) {
      this.silent = true;
      this.tell();
    }
    if (this.probing) return;
    this.probing = true;
    const url = new URL("../../health", import.meta.url);
    const well = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(3000) })
      .then((answer) => answer.ok, () => false);
    this.probing = false;
    // Closing for real waits for the other side; Streamlit is told at once.
    if (well && this.silent && socket === this.socket) {
      socket.dispatchEvent(new CloseEvent("close", { code: 1006 }));
    }
  }
}

export const line = new Line();

// Streamlit keeps its socket to itself; whoever sends over it shows it.
const { send } = WebSocket.prototype;
WebSocket.prototype.send = function (...data) {
  if (this !== line.socket && this.url.includes("/_stcore/stream")) line.watch(this);
  return send.apply(this, data);
};
