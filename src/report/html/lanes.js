// The lanes of the chosen pair on a canvas. In: the data, the part of time in view, the step under the pointer and the
// selected one. Out: a drawing, made anew for every change; what lies outside the view, or on a spot that is drawn already,
// is passed over, so that its cost follows the width and not the number of steps.
let chosen = 0;
let selected = -1;
let view = { from: 0, to: span };
let hover = -1;
let filter = "";

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

const drawSpan = (from, to, y, kind, value, margin) => {
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
  }
  // A thin line has its word above it, beside the lane's name.
  const thin = kind === "off" || kind === "unknown";
  const left = thin ? Math.max(from, margin) : Math.max(from, 0);
  const word = value === "none" ? "" : value;
  if (word && left + pen.measureText(word).width + 10 < to) {
    pen.fillStyle = thin ? ink.faint : ink.paper;
    pen.fillText(word, left + 5, thin ? y + 5 : y + 13);
  }
};

const drawLane = (lane, list) => {
  const y = top(lane) + LABEL;
  const label = lanes[lane];
  const margin = pen.measureText(label).width + 10;
  const backOff = label === "back-off";
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
        pen.fillStyle = ink.paper;
        pen.fillText(`${now.value} ${lasting(now.until - now.at)}`, from + 5, y + 12);
      }
    } else {
      drawSpan(from, to, y, KIND[now.value] || "on", now.value, margin);
    }
    if (now.event >= 0 && (now.event === selected || now.event === hover)) {
      pen.fillStyle = now.event === selected ? ink.accent : ink.text;
      pen.fillRect(from - 1, y - 3, 3, 24);
    }
  }
  pen.fillStyle = ink.paper;
  pen.globalAlpha = 0.85;
  pen.fillRect(0, y - LABEL + 1, margin, LABEL - 2);
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
