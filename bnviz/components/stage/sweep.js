// A sweep: what Python would draw at every position of a held number, looked up and not computed.

// What came from Python: JSON, and behind it a sweep where something was taken.
export function unpack(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = Number(view.getBigUint64(0, true));
  const scene = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  return { scene, packed: bytes.slice(8 + length) };
}

// The first few positions of a scene come as they are, and are there at once.
export const unpacked = (packed, scene) => new Sweep(packed, scene);

// All of them come compressed, and browsers unpack in their own time.
export async function unfold(packed, scene) {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Sweep(new Uint8Array(await new Response(stream).arrayBuffer()), scene);
}

class Sweep {
  constructor(bytes, scene) {
    const length = new DataView(bytes.buffer).getUint32(0, true);
    const head = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
    Object.assign(this, head); // term, row, fine, values, numbers, texts
    this.table = joined(bytes.subarray(4 + length));
    this.scene = structuredClone(scene);
  }

  isOf(term, row, fine) {
    return this.term === term && this.row === row && this.fine === fine;
  }

  // The place of a value in the grid, or -1.
  find(value) {
    const near = this.values.findIndex((v) => Math.abs(v - value) <= 1e-9 * Math.abs(value));
    return near;
  }

  // How many positions are left on the nearer side.
  left(k) {
    return Math.min(k, this.values.length - 1 - k);
  }

  at(k) {
    const { numbers, texts, table, scene } = this;
    numbers.forEach((paths, i) => {
      for (const path of paths) put(scene, path, table[i * this.values.length + k]);
    });
    for (const { path, kinds, which, numbers: inside } of texts) {
      const pieces = kinds[which[k]];
      const text = pieces.map((piece, i) => piece + (inside[k][i] ?? "")).join("");
      put(scene, path, JSON.parse(text));
    }
    return scene;
  }
}

// The numbers of which all first bytes come first, then all second ones.
function joined(planes) {
  const count = planes.length / 8;
  const bytes = new Uint8Array(planes.length);
  planes.forEach((byte, at) => {
    bytes[(at % count) * 8 + Math.floor(at / count)] = byte;
  });
  return new Float64Array(bytes.buffer);
}

function put(scene, path, value) {
  let place = scene;
  for (let i = 0; i < path.length - 1; i += 1) place = place[path[i]];
  place[path[path.length - 1]] = value;
}
