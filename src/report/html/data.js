// The data. In: the data element (base64 of deflated JSON, see data.rs). Out: strings, pairs, steps, their causes, and
// what each pair's lanes were when. Times are microseconds since the window's beginning. The parts of the script share
// one scope, see SCRIPT in mod.rs.
const $ = (id) => document.getElementById(id);
const el = (tag, props, ...kids) => {
  const node = Object.assign(document.createElement(tag), props || {});
  node.append(...kids.filter((kid) => kid !== null && kid !== undefined));
  return node;
};

const load = async () => {
  const packed = atob($("data").textContent.trim());
  const bytes = new Uint8Array(packed.length);
  for (let i = 0; i < packed.length; i++) bytes[i] = packed.charCodeAt(i);
  const open = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return JSON.parse(await new Response(open).text());
};
const sums = (deltas) => {
  let sum = 0;
  return deltas.map((delta) => (sum += delta));
};
if (typeof DecompressionStream === "undefined") {
  $("timeline-note").textContent = "This browser cannot unpack the timeline; one of 2023 or later can.";
  return;
}
const data = await load();
const { strings, cells, events, lanes, divergences } = data;
const span = Math.max(1, data.to - data.from);
events.at = sums(events.at);
const total = events.at.length;
const starts = new Uint32Array(total + 1);
for (let i = 0; i < total; i++) starts[i + 1] = starts[i] + events.proofs[i];
const linesOf = (event) => events.lines.slice(starts[event], starts[event + 1]);
const text = (index) => (index < 0 ? "" : strings[index]);

const causesOf = new Map();
const effectsOf = new Map();
const push = (map, key, value) => (map.has(key) ? map.get(key).push(value) : map.set(key, [value]));
for (let i = 0; i < data.causes.length; i += 3) {
  const [from, to, rule] = data.causes.slice(i, i + 3);
  push(causesOf, to, [from, rule]);
  push(effectsOf, from, [to, rule]);
}

// Steps of a pair: its own, those of its node, those of all.
const bySubject = new Map();
for (let i = 0; i < total; i++) push(bySubject, events.volume[i] + " " + events.node[i], i);
const memory = new Map();
const stepsOf = (cell) => {
  if (!memory.has(cell)) {
    const { volume, node } = cells[cell];
    const keys = [`${volume} ${node}`, `${volume} -1`, `-1 ${node}`, "-1 -1"];
    memory.set(cell, keys.flatMap((key) => bySubject.get(key) || []).sort((a, b) => a - b));
  }
  return memory.get(cell);
};
// Each lane of a pair as spans: where it begins, its value, the step that began it, when it ends by itself.
const tracks = new Map();
const trackOf = (cell) => {
  if (tracks.has(cell)) return tracks.get(cell);
  const { begin, changes } = cells[cell];
  const track = lanes.map((_, lane) => [{ at: 0, value: text(begin[lane]), event: -1, until: -1 }]);
  for (let i = 0; i < changes.length; i += 4) {
    const [event, lane, value, until] = changes.slice(i, i + 4);
    track[lane].push({ at: events.at[event], value: text(value), event, until });
  }
  tracks.set(cell, track);
  return track;
};
const laneOf = (cell, event) => {
  const { changes } = cells[cell];
  for (let i = 0; i < changes.length; i += 4) if (changes[i] === event) return changes[i + 1];
  return -1;
};
// Index of the last item whose key is at or before a moment; -1 where none is.
const lastBefore = (list, key, moment) => {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (key(list[middle]) <= moment) low = middle + 1;
    else high = middle;
  }
  return low - 1;
};

const stamp = (at) => {
  const micros = data.from + at;
  const milli = Math.floor(micros / 1000);
  return new Date(milli).toISOString().slice(0, 23) + String(micros - milli * 1000).padStart(3, "0") + "Z";
};
const clock = (at, digits = 3) => stamp(at).slice(11, digits ? 20 + digits : 19);
const lasting = (micros) => {
  const s = micros / 1e6;
  if (s < 1) return `${Math.round(micros / 1000)} ms`;
  if (s < 60) return `${+s.toFixed(1)} s`;
  return s < 3600 ? `${Math.floor(s / 60)} min ${Math.round(s % 60)} s` : `${+(s / 3600).toFixed(1)} h`;
};
const called = (cell) => text(cells[cell].called);
const pairName = (cell) => `${called(cell)} on ${text(cells[cell].node)}`;
