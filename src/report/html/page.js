// The page's behaviour. In: the data element (base64 of deflated JSON, see data.rs) and the elements that mod.rs wrote.
// Out: lanes on a canvas, two tables of which only the visible rows exist, the selected step in words. Text from
// recordings goes into the document by textContent alone. Times are microseconds since the window's beginning.
"use strict";
(async () => {
  const $ = (id) => document.getElementById(id);
  const el = (tag, props, ...kids) => {
    const node = Object.assign(document.createElement(tag), props || {});
    node.append(...kids.filter((kid) => kid !== null && kid !== undefined));
    return node;
  };

  // ---- data ----
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

  // ---- state ----
  let chosen = 0;
  let selected = -1;
  let view = { from: 0, to: span };
  let hover = -1;
  let filter = "";

  // ---- lanes ----
  const canvas = $("lanes");
  const pen = canvas.getContext("2d");
  const AXIS = 24;
  const MARKS = 20;
  const LANE = 34;
  const STRIP = 30;
  const LABEL = 13;
  const top = (lane) => AXIS + MARKS + lane * LANE;
  const stripTop = top(lanes.length);
  const height = stripTop + STRIP;
  const middle = (lane) => (lane < 0 ? stripTop + 20 : top(lane) + LABEL + 9);
  let width = 0;
  let ink = {};
  const readInk = () => {
    const style = getComputedStyle(document.documentElement);
    const names = ["paper", "text", "faint", "line", "on", "off", "mid", "op", "bad", "badwash", "accent", "wash"];
    ink = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  };
  const x = (at) => ((at - view.from) / (view.to - view.from)) * width;
  const moment = (px) => view.from + (px / width) * (view.to - view.from);
  const KIND = {
    yes: "on", attached: "on", no: "off", none: "off", detached: "off", "?": "unknown",
    uncertain: "mid", requested: "mid", detaching: "mid", attach: "op", detach: "op",
  };

  const STEPS = [1e3, 5e3, 1e4, 5e4, 1e5, 5e5, 1e6, 2e6, 5e6, 1e7, 3e7, 6e7, 3e8, 6e8, 1.8e9, 3.6e9, 2.16e10, 8.64e10];
  const drawAxis = () => {
    const room = 92;
    const step = STEPS.find((s) => (s / (view.to - view.from)) * width >= room) || 8.64e10;
    const digits = step >= 1e6 ? 0 : 3;
    pen.fillStyle = ink.faint;
    pen.strokeStyle = ink.line;
    pen.textAlign = "left";
    const first = Math.ceil((data.from + view.from) / step) * step - data.from;
    for (let at = first; at <= view.to; at += step) {
      const px = Math.round(x(at)) + 0.5;
      pen.beginPath();
      pen.moveTo(px, AXIS - 6);
      pen.lineTo(px, height);
      pen.stroke();
      pen.fillText(clock(at, digits), px + 4, AXIS - 10);
    }
  };

  const drawSpan = (from, to, y, kind, value, part) => {
    const wide = Math.max(1, to - from);
    if (kind === "off") {
      pen.fillStyle = ink.off;
      pen.fillRect(from, y + 8, wide, 2);
    } else if (kind === "unknown") {
      pen.fillStyle = ink.faint;
      for (let at = from; at < to; at += 6) pen.fillRect(at, y + 8, 2, 2);
    } else {
      pen.fillStyle = ink[kind] || ink.on;
      pen.fillRect(from, y, wide, 18);
      if (part) {
        pen.fillStyle = ink.bad;
        pen.fillRect(from, y + 16, wide, 2);
      }
    }
    if (wide > 34) {
      const word = value === "none" ? "" : value;
      if (word && pen.measureText(word).width + 10 < wide) {
        pen.fillStyle = kind === "off" || kind === "unknown" ? ink.faint : ink.paper;
        pen.fillText(word, Math.max(from, 0) + 5, kind === "off" || kind === "unknown" ? y + 5 : y + 13);
      }
    }
  };

  const drawLane = (lane, list) => {
    const y = top(lane) + LABEL;
    const backOff = lanes[lane] === "back-off";
    pen.textAlign = "left";
    pen.fillStyle = ink.faint;
    pen.fillRect(0, y - LABEL, width, 0.5);
    let drawnTo = -1;
    for (let i = Math.max(0, lastBefore(list, (s) => s.at, view.from)); i < list.length; i++) {
      const now = list[i];
      if (now.at > view.to) break;
      const ends = i + 1 < list.length ? list[i + 1].at : span;
      const from = Math.max(-2, x(now.at));
      const to = Math.min(width + 2, x(ends));
      // Spans narrower than what was drawn last would only be drawn over it.
      if (Math.floor(to) <= drawnTo && to - from < 1) continue;
      drawnTo = Math.floor(to);
      if (backOff && now.until >= 0) {
        const over = Math.max(from + 2, x(now.until));
        pen.fillStyle = ink.op;
        pen.beginPath();
        pen.moveTo(from, y);
        pen.lineTo(over, y + 18);
        pen.lineTo(from, y + 18);
        pen.fill();
        if (over - from > 60) {
          pen.fillStyle = ink.text;
          pen.fillText(`${now.value} ${lasting(now.until - now.at)}`, from + 5, y + 12);
        }
      } else {
        drawSpan(from, to, y, KIND[now.value] || "on", now.value, false);
      }
      if (now.event >= 0 && (now.event === selected || now.event === hover)) {
        pen.fillStyle = now.event === selected ? ink.accent : ink.text;
        pen.fillRect(from - 1, y - 3, 3, 24);
      }
    }
    const label = lanes[lane];
    pen.fillStyle = ink.paper;
    pen.globalAlpha = 0.85;
    pen.fillRect(0, y - LABEL + 1, pen.measureText(label).width + 10, LABEL - 2);
    pen.globalAlpha = 1;
    pen.fillStyle = ink.text;
    pen.fillText(label, 4, y - 3);
  };

  const drawStrip = () => {
    pen.fillStyle = ink.text;
    pen.fillText("steps", 4, stripTop + 10);
    const list = stepsOf(chosen);
    let last = -9;
    for (let i = Math.max(0, lastBefore(list, (e) => events.at[e], view.from)); i < list.length; i++) {
      const event = list[i];
      if (events.at[event] > view.to) break;
      const px = x(events.at[event]);
      if (px - last < 1.5 && event !== selected && event !== hover) continue;
      last = px;
      pen.beginPath();
      pen.arc(px, stripTop + 20, event === selected ? 6 : 4, 0, 7);
      pen.strokeStyle = pen.fillStyle = event === selected ? ink.accent : event === hover ? ink.text : ink.faint;
      // A step that nobody logged is hollow.
      if (events.seen[event]) pen.fill();
      else pen.stroke();
    }
  };

  const drawDivergences = (front) => {
    for (const divergence of divergences) {
      if (divergence.cell !== chosen) continue;
      const from = x(divergence.since);
      const to = x(divergence.until < 0 ? span : divergence.until);
      if (!front) {
        pen.fillStyle = ink.badwash;
        pen.fillRect(from, AXIS, Math.max(2, to - from), height - AXIS);
        continue;
      }
      // Steps that stand close together share the row of marks.
      let free = -99;
      for (const [event, mark] of [[divergence.operation, "▶"], [divergence.trigger, "●"], [divergence.symptom, "✗"]]) {
        if (event < 0) continue;
        const px = x(events.at[event]);
        pen.strokeStyle = ink.bad;
        pen.setLineDash(mark === "▶" ? [] : [3, 3]);
        pen.beginPath();
        pen.moveTo(px, AXIS + MARKS);
        pen.lineTo(px, height);
        pen.stroke();
        pen.setLineDash([]);
        pen.fillStyle = ink.bad;
        const at = Math.max(px - 5, free);
        const word = mark === "▶" ? `▶ ${divergence.id} parts` : mark;
        pen.fillText(word, at, AXIS + 14);
        free = at + pen.measureText(word).width + 4;
      }
    }
  };

  const drawArrow = (from, to, strong) => {
    const [x1, y1] = [x(events.at[from]), middle(laneOf(chosen, from))];
    const [x2, y2] = [x(events.at[to]), middle(laneOf(chosen, to))];
    if (x2 < 0 || x1 > width) return;
    const bend = Math.max(12, Math.min(60, (x2 - x1) / 2));
    pen.globalAlpha = strong ? 1 : 0.55;
    pen.strokeStyle = pen.fillStyle = strong ? ink.accent : ink.text;
    pen.lineWidth = strong ? 2 : 1;
    pen.beginPath();
    pen.moveTo(x1, y1);
    pen.bezierCurveTo(x1 + bend, y1, x2 - bend, y2, x2 - 3, y2);
    pen.stroke();
    pen.beginPath();
    pen.moveTo(x2, y2);
    pen.lineTo(x2 - 8, y2 - 4);
    pen.lineTo(x2 - 8, y2 + 4);
    pen.fill();
    pen.lineWidth = 1;
    pen.globalAlpha = 1;
  };
  const MOST_ARROWS = 300;
  const drawArrows = () => {
    const here = new Set(stepsOf(chosen));
    if ($("arrows").checked) {
      let drawn = 0;
      for (const event of here) {
        if (events.at[event] < view.from || events.at[event] > view.to) continue;
        for (const [from] of causesOf.get(event) || []) {
          if (here.has(from) && drawn++ < MOST_ARROWS) drawArrow(from, event, false);
        }
      }
      $("timeline-note").textContent = drawn > MOST_ARROWS ? "Zoom in to see all arrows." : "";
    }
    if (selected >= 0) {
      for (const [from] of causesOf.get(selected) || []) if (here.has(from)) drawArrow(from, selected, true);
      for (const [to] of effectsOf.get(selected) || []) if (here.has(to)) drawArrow(selected, to, true);
    }
  };

  const draw = () => {
    const ratio = window.devicePixelRatio || 1;
    width = canvas.clientWidth;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.fillStyle = ink.paper;
    pen.fillRect(0, 0, width, height);
    pen.font = "11px system-ui, sans-serif";
    if (!cells.length) return;
    drawDivergences(false);
    drawAxis();
    trackOf(chosen).forEach((list, lane) => drawLane(lane, list));
    drawStrip();
    drawArrows();
    drawDivergences(true);
  };
  let due = false;
  const redraw = () => {
    if (due) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      draw();
    });
  };

  // ---- moving about ----
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

  // ---- the selected step ----
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

  // ---- tables of which only the visible rows exist ----
  const ROW = 26;
  class Table {
    constructor(box, fill, pick) {
      this.box = box;
      this.body = box.querySelector("tbody");
      this.fill = fill;
      this.columns = box.querySelectorAll("thead th").length;
      this.rows = [];
      this.list = [];
      this.above = el("tr", { className: "spacer" });
      this.below = el("tr", { className: "spacer" });
      this.body.append(this.above, this.below);
      box.addEventListener("scroll", () => requestAnimationFrame(() => this.draw()), { passive: true });
      this.body.addEventListener("click", (event) => {
        const row = event.target.closest("tr");
        if (row && row.item !== undefined) pick(row.item);
      });
      this.body.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        if (event.target.item !== undefined) pick(event.target.item);
      });
    }
    set(list) {
      this.list = list;
      this.draw();
    }
    draw(all = false) {
      const room = all ? 500 : Math.ceil(this.box.clientHeight / ROW) + 8;
      const first = all ? 0 : Math.max(0, Math.min(this.list.length - room, Math.floor(this.box.scrollTop / ROW) - 4));
      const count = Math.min(room, this.list.length - first);
      while (this.rows.length < count) {
        const row = el("tr", { tabIndex: 0 });
        for (let i = 0; i < this.columns; i++) row.append(el("td"));
        this.rows.push(row);
        this.below.before(row);
      }
      this.rows.forEach((row, i) => {
        row.hidden = i >= count;
        if (row.hidden) return;
        row.item = this.list[first + i];
        row.setAttribute("aria-rowindex", first + i + 2);
        this.fill(row, row.item);
      });
      this.above.style.height = `${first * ROW}px`;
      this.below.style.height = `${(this.list.length - first - count) * ROW}px`;
    }
    reveal(item) {
      const at = this.list.indexOf(item);
      const { scrollTop, clientHeight } = this.box;
      if (at >= 0 && (at * ROW < scrollTop || at * ROW > scrollTop + clientHeight - 3 * ROW)) {
        this.box.scrollTop = Math.max(0, at * ROW - clientHeight / 2);
      }
      this.draw();
    }
  }
  const put = (row, values) => values.forEach((value, i) => {
    const cell = row.children[i];
    if (cell.textContent !== value) cell.textContent = value;
  });
  const plainName = new Map(cells.map((_, cell) => [`${cells[cell].volume} ${cells[cell].node}`, called(cell)]));
  const subject = (event) => {
    const [volume, node] = [events.volume[event], events.node[event]];
    const name = plainName.get(`${volume} ${node}`) || text(volume);
    return [name, text(node)].filter(Boolean).join(" on ");
  };
  const stepTable = new Table($("steps"), (row, event) => {
    const proof = linesOf(event)[0];
    put(row, [
      clock(events.at[event]), text(events.actor[event]), subject(event),
      text(events.what[event]) + (events.seen[event] ? "" : " (inferred)"),
      proof === undefined ? "" : `${text(data.lines.short[proof])}:${data.lines.line[proof]}`,
    ]);
    row.className = (event === selected ? "chosen " : "") + (events.seen[event] ? "" : "inferred");
  }, (event) => {
    if (!stepsOf(chosen).includes(event)) {
      const own = cells.findIndex((cell) => (events.volume[event] < 0 || cell.volume === events.volume[event])
        && (events.node[event] < 0 || cell.node === events.node[event]));
      if (own >= 0) choose(own, false);
    }
    select(event, true);
    stepTable.draw();
  });
  stepTable.refresh = () => {
    const whole = $("scope").value === "all";
    const wanted = $("find").value.trim().toLowerCase();
    let list = whole ? Array.from({ length: total }, (_, i) => i) : stepsOf(chosen);
    if (whole && filter) {
      const pairs = new Set(shownCells.map((cell) => `${cells[cell].volume} ${cells[cell].node}`));
      list = list.filter((event) => pairs.has(`${events.volume[event]} ${events.node[event]}`));
    }
    if (wanted) {
      const fits = new Map();
      const has = (index) => {
        if (!fits.has(index)) fits.set(index, text(index).toLowerCase().includes(wanted));
        return fits.get(index);
      };
      list = list.filter((event) => has(events.what[event]) || has(events.actor[event])
        || linesOf(event).some((line) => has(data.lines.text[line])));
    }
    $("count").textContent = `${list.length.toLocaleString("en")} step${list.length === 1 ? "" : "s"}`;
    stepTable.set(list);
  };
  $("scope").addEventListener("change", stepTable.refresh);
  $("find").addEventListener("input", stepTable.refresh);

  const worst = (cell) => divergences.filter((one) => one.cell === cell).map((one) => one.severity).sort().pop() || "";
  const LAST = ["desired", "controller", "to_report", "reported", "attachment", "in_use", "mounted"];
  const lastValue = (cell, name) => text(cells[cell].end[LAST.indexOf(name)]);
  const KEY = {
    volume: called, node: (cell) => text(cells[cell].node), pods: (cell) => cells[cell].pods.map(text).join(", "),
    changes: (cell) => cells[cell].changes.length / 4,
    diverged: (cell) => cells[cell].divergences.map(text).join(" "),
  };
  for (const name of LAST) KEY[name] = (cell) => lastValue(cell, name);
  const order = [...document.querySelectorAll("#cells thead th")].map((head) => head.dataset.key);
  const cellTable = new Table($("cells"), (row, cell) => {
    put(row, order.map((key) => String(KEY[key](cell))));
    row.className = [cell === chosen ? "chosen" : "", worst(cell)].join(" ");
  }, (cell) => {
    choose(cell);
    $("timeline").scrollIntoView({ block: "start" });
  });
  let shownCells = cells.map((_, cell) => cell);
  let sorting = { key: "diverged", up: false };
  const sortCells = () => {
    const { key, up } = sorting;
    const compare = (a, b) => {
      const [left, right] = [KEY[key](a), KEY[key](b)];
      const order = typeof left === "number" ? left - right : left.localeCompare(right, "en", { numeric: true });
      return (up ? order : -order) || a - b;
    };
    shownCells = cells.map((_, cell) => cell).filter((cell) => {
      const names = [called(cell), text(cells[cell].volume), text(cells[cell].node), ...cells[cell].pods.map(text)];
      return names.some((name) => name.toLowerCase().includes(filter));
    }).sort(compare);
    document.querySelectorAll("#cells thead th").forEach((head) => {
      head.ariaSort = head.dataset.key === key ? (up ? "ascending" : "descending") : "none";
    });
    $("cells-count").textContent = `${shownCells.length.toLocaleString("en")} of ${cells.length.toLocaleString("en")}`;
    cellTable.set(shownCells);
    drawSquares();
  };
  document.querySelectorAll("#cells thead th").forEach((head) => {
    head.firstElementChild.addEventListener("click", () => {
      sorting = { key: head.dataset.key, up: sorting.key === head.dataset.key ? !sorting.up : true };
      sortCells();
    });
  });
  $("filter").addEventListener("input", () => {
    filter = $("filter").value.trim().toLowerCase();
    sortCells();
    stepTable.refresh();
  });

  // One square a pair, so that one of forty is seen at a glance.
  const MOST_SQUARES = 3000;
  let squares = null;
  const drawSquares = () => {
    if (!squares) {
      squares = cells.slice(0, MOST_SQUARES).map((_, cell) => {
        const square = el("button", { type: "button", title: `${pairName(cell)}${KEY.diverged(cell) ? `: ${KEY.diverged(cell)}` : ""}` });
        square.setAttribute("aria-label", square.title);
        square.addEventListener("click", () => choose(cell));
        return square;
      });
      $("squares").replaceChildren(...squares);
    }
    const shown = new Set(shownCells);
    squares.forEach((square, cell) => {
      square.className = `${worst(cell)}${cell === chosen ? " chosen" : ""}${shown.has(cell) ? "" : " out"}`;
    });
  };

  // ---- links to a moment ----
  const follow = () => {
    const wish = new URLSearchParams(location.hash.slice(1));
    if (!wish.has("cell")) return false;
    const cell = Number(wish.get("cell"));
    if (!cells[cell]) return false;
    const step = Number(wish.get("step") ?? -1);
    const wanted = divergences[Number(wish.get("divergence") ?? -1)];
    if (cell !== chosen || wanted) choose(cell, !wish.has("at"));
    if (wanted) focusOn(wanted);
    if (wish.has("at")) {
      const at = Date.parse(wish.get("at")) * 1000 - data.from;
      if (Number.isFinite(at)) {
        const list = stepsOf(cell);
        const wide = Math.min(span, 1e7);
        show(at - wide / 2, at + wide / 2);
        const last = list[lastBefore(list, (e) => events.at[e], at + 1000)];
        if (last !== undefined) select(last);
      }
    } else if (step >= 0 && step < total) select(step);
    return true;
  };
  window.addEventListener("hashchange", () => {
    if (follow()) $("timeline").scrollIntoView({ block: "start" });
  });

  // ---- looks ----
  const theme = $("theme");
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  theme.addEventListener("click", () => {
    const now = document.documentElement.dataset.theme || (prefersDark.matches ? "dark" : "light");
    document.documentElement.dataset.theme = now === "dark" ? "light" : "dark";
    readInk();
    redraw();
  });
  prefersDark.addEventListener("change", () => {
    readInk();
    redraw();
  });
  window.addEventListener("beforeprint", () => {
    document.documentElement.dataset.printing = "yes";
    cellTable.draw(true);
    readInk();
    draw();
  });
  window.addEventListener("afterprint", () => {
    delete document.documentElement.dataset.printing;
    cellTable.draw();
    readInk();
    redraw();
  });
  new ResizeObserver(redraw).observe(canvas);

  canvas.style.height = `${height}px`;
  readInk();
  if (cells.length) {
    sortCells();
    const first = divergences.find((one) => one.cell >= 0);
    choose(first ? first.cell : shownCells[0]);
    follow();
    document.body.dataset.ready = "yes";
  } else {
    $("timeline-note").textContent = "No pair of volume and node is known.";
    document.body.dataset.ready = "yes";
  }
})().catch((error) => {
  document.getElementById("timeline-note").textContent = `The timeline could not be drawn: ${error.message}`;
  throw error;
});
