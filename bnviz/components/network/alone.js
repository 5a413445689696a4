// The picture of a run outside the app, as in a notebook: all that it shows is in the page itself.

import mount from "./network.js";

export async function start(place, text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const data = new Uint8Array(await new Response(stream).arrayBuffer());
  mount({ data, parentElement: place, setTriggerValue: () => {} });
}
