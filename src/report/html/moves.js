// What a person does with the lanes, and the selected step in words. In: pointer, wheel, keys, touches. Out: another part of
// time in view, another step or pair. Text from recordings goes into the document by textContent alone.
const show = (from, to) => {
  const wide = Math.min(span, Math.max(2000, to - from));
  const begin = Math.max(0, Math.min(span - wide, from + (to - from - wide) / 2));
  view = { from: begin, to: begin + wide };
  redraw();
};
const zoom = (factor, about = (view.from + view.to) / 2) => {
  show(about - (about - view.from) * factor, about + (view.to - about) * factor);
};
const pan = (by) => show(view.from + by, view.to + by);
const fit = () => show(0, span);
const focusOn = (divergence) => {
  const key = [divergence.operation, divergence.trigger, divergence.symptom].filter((event) => event >= 0);
  const times = key.map((event) => events.at[event]);
  const [from, to] = [Math.min(...times), Math.max(...times)];
  const margin = Math.max((to - from) * 0.6, 250000);
  show(from - margin * 1.5, to + margin);
};

const near = (px, py) => {
  const list = stepsOf(chosen);
  let best = -1;
  let distance = 12;
  const reach = moment(px + 12) - moment(px);
  for (let i = Math.max(0, lastBefore(list, (e) => events.at[e], moment(px) - reach)); i < list.length; i++) {
    const event = list[i];
    if (events.at[event] > moment(px) + reach) break;
    const apart = Math.abs(x(events.at[event]) - px);
    const off = Math.abs(middle(laneOf(chosen, event)) - py) > LANE / 2 ? 6 : 0;
    if (apart + off < distance) {
      distance = apart + off;
      best = event;
    }
  }
  return best;
};

const tip = $("tip");
const point = (event, pointer) => {
  if (event !== hover) {
    hover = event;
    redraw();
  }
  canvas.classList.toggle("pointing", event >= 0);
  tip.hidden = event < 0;
  if (event < 0) return;
  const proof = linesOf(event)[0];
  tip.replaceChildren(
    el("b", { textContent: `${clock(events.at[event])} ${text(events.actor[event])}` }),
    el("div", { textContent: text(events.what[event]) }),
    proof === undefined ? null : el("code", { textContent: text(data.lines.text[proof]).slice(0, 160) }),
  );
  const box = canvas.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(pointer.clientX - box.left + 14, box.width - tip.offsetWidth - 4))}px`;
  tip.style.top = `${pointer.clientY - box.top + 18}px`;
};

const pointers = new Map();
let moved = false;
canvas.addEventListener("pointerdown", (event) => {
  pointers.set(event.pointerId, event);
  moved = false;
  canvas.setPointerCapture(event.pointerId);
});
canvas.addEventListener("pointermove", (event) => {
  const before = pointers.get(event.pointerId);
  if (!before) return point(near(event.offsetX, event.offsetY), event);
  const other = [...pointers.values()].find((pointer) => pointer.pointerId !== event.pointerId);
  if (other) {
    const [was, is] = [Math.abs(before.offsetX - other.offsetX), Math.abs(event.offsetX - other.offsetX)];
    if (was > 8 && is > 8) zoom(was / is, moment((event.offsetX + other.offsetX) / 2));
  } else if (Math.abs(event.offsetX - before.offsetX) > 3 || moved) {
    moved = true;
    pan(moment(before.offsetX) - moment(event.offsetX));
  } else return;
  pointers.set(event.pointerId, event);
});
const release = (event) => {
  if (pointers.delete(event.pointerId) && !moved && event.type === "pointerup") {
    const step = near(event.offsetX, event.offsetY);
    if (step >= 0) select(step);
  }
};
canvas.addEventListener("pointerup", release);
canvas.addEventListener("pointercancel", release);
canvas.addEventListener("pointerleave", (event) => point(-1, event));
canvas.addEventListener("dblclick", (event) => zoom(0.4, moment(event.offsetX)));
canvas.addEventListener("wheel", (event) => {
  // A plain wheel scrolls the page; with Ctrl or as a pinch it zooms, sideways it pans.
  if (event.ctrlKey || event.metaKey) zoom(Math.exp(event.deltaY * 0.004), moment(event.offsetX));
  else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
    pan(((event.deltaX || event.deltaY) / width) * (view.to - view.from));
  } else return;
  event.preventDefault();
}, { passive: false });
const walk = (by) => {
  const list = stepsOf(chosen);
  const at = list.indexOf(selected);
  const next = at < 0 ? (by > 0 ? 0 : list.length - 1) : at + by;
  if (list[next] !== undefined) select(list[next], true);
};
const KEYS = {
  ArrowRight: () => walk(1), ArrowLeft: () => walk(-1),
  ArrowDown: () => changeCell(1), ArrowUp: () => changeCell(-1),
  "+": () => zoom(0.6), "=": () => zoom(0.6), "-": () => zoom(1.7), 0: fit,
  Home: () => pan(-span), End: () => pan(span),
  PageUp: () => pan((view.from - view.to) * 0.8), PageDown: () => pan((view.to - view.from) * 0.8),
  Enter: () => $("step").focus(),
};
canvas.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});
$("zoom-in").addEventListener("click", () => zoom(0.6));
$("zoom-out").addEventListener("click", () => zoom(1.7));
$("zoom-fit").addEventListener("click", fit);
$("arrows").addEventListener("change", redraw);

// The selected step in words.
const AROUND = 3;
const lineText = (line) => {
  const last = data.lines.last[line];
  const place = `${text(data.lines.source[line])}:${data.lines.line[line]}${last ? `-${last}` : ""}`;
  return [place, text(data.lines.text[line])];
};
// A line and the recorded lines of its source around it; lines that say nothing about attach and detach are counted.
const neighbours = (line) => {
  const box = el("ol", { className: "log" });
  const { source, line: number } = data.lines;
  for (let near = line - AROUND; near <= line + AROUND; near++) {
    if (source[near] !== source[line]) continue;
    const gap = near > 0 && source[near - 1] === source[near] ? number[near] - number[near - 1] - 1 : 0;
    if (gap > 0 && near > line - AROUND) {
      box.append(el("li", { className: "gap", textContent: `${gap} other line${gap > 1 ? "s" : ""}` }));
    }
    const [, words] = lineText(near);
    const row = el("li", { className: near === line ? "here" : "" });
    row.append(el("span", { className: "number", textContent: number[near] }), el("code", { textContent: words }));
    box.append(row);
  }
  return box;
};
const evidence = (line) => {
  const [place, words] = lineText(line);
  const box = el("details", { className: "evidence", open: true });
  box.append(el("summary", {}, el("span", { className: "place", textContent: place })));
  box.append(el("code", { className: "line", textContent: words }));
  const more = el("button", { type: "button", className: "quiet", textContent: "lines around it" });
  more.addEventListener("click", () => more.replaceWith(neighbours(line)));
  box.append(more);
  return box;
};
const toStep = (event, why) => {
  const link = el("a", { href: hash(event) });
  link.append(el("time", { textContent: clock(events.at[event]) }), ` ${text(events.actor[event])}: ${text(events.what[event])}`);
  return el("li", {}, link, el("span", { className: "because", textContent: ` ${text(why)}` }));
};
const hash = (event) => `#cell=${chosen}&step=${event}`;
const statesAt = (at) => {
  const row = el("dl", { className: "states" });
  trackOf(chosen).forEach((list, lane) => {
    let { value, until } = list[Math.max(0, lastBefore(list, (s) => s.at, at))];
    if (until >= 0 && until < at) value = "none";
    row.append(el("div", { className: KIND[value] || "" }, el("dt", { textContent: lanes[lane] }), el("dd", { textContent: value })));
  });
  return row;
};
const describe = () => {
  const box = $("step");
  if (selected < 0) {
    box.replaceChildren(el("p", { className: "hint", textContent: "Choose a step on the lanes or in the list to read its evidence." }));
    return;
  }
  const at = events.at[selected];
  const seen = events.seen[selected] ? "" : " (inferred: no line says so)";
  const list = (title, edges) => edges && edges.length
    ? [el("h4", { textContent: title }), el("ul", { className: "edges" }, ...edges.map(([other, rule]) => toStep(other, rule)))]
    : [];
  const link = el("a", { href: `#cell=${chosen}&at=${stamp(at)}`, textContent: "link to this moment" });
  box.replaceChildren(
    el("h3", {}, el("time", { textContent: clock(at, 6) }), ` ${text(events.actor[selected])}${seen}`),
    el("p", { className: "what", textContent: text(events.what[selected]) }),
    statesAt(at),
    ...linesOf(selected).map(evidence),
    ...list("Follows from", causesOf.get(selected)),
    ...list("Leads to", effectsOf.get(selected)),
    el("p", {}, link),
  );
};
const remember = (where) => {
  try {
    history.replaceState(null, "", where);
  } catch {
    // Some browsers refuse this on file://; then the address stays as it is.
  }
};
const select = (event, keep = false) => {
  selected = event;
  const at = events.at[event];
  if (at < view.from || at > view.to) show(at - (view.to - view.from) / 2, at + (view.to - view.from) / 2);
  describe();
  remember(hash(event));
  if (!keep) stepTable.reveal(event);
  redraw();
};
const choose = (cell, focus = true) => {
  if (!cells[cell]) return;
  chosen = cell;
  selected = -1;
  $("pair").textContent = pairName(cell);
  const pods = cells[cell].pods.map(text).join(", ");
  $("pods").textContent = pods ? `wanted by ${pods}` : "";
  canvas.setAttribute("aria-label", `Lanes of ${pairName(cell)}; arrow keys walk its steps, plus and minus zoom`);
  const divergence = divergences.find((one) => one.cell === cell);
  if (focus) {
    if (divergence) focusOn(divergence);
    else fit();
    if (divergence) selected = divergence.operation;
  }
  describe();
  stepTable.refresh();
  stepTable.reveal(selected);
  cellTable.draw();
  drawSquares();
  redraw();
};
const changeCell = (by) => {
  const at = shownCells.indexOf(chosen);
  const next = shownCells[at + by];
  if (next !== undefined) choose(next);
};
