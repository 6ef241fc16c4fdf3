// Steps and pairs as tables of which only the visible rows exist, and one square a pair. In: the data, a filter, an order.
// Out: rows, and the pair or step that was picked.
const ROW = 26;
const TALL = 384;
class Table {
  constructor(box, fill, pick) {
    this.box = box;
    this.body = box.querySelector("tbody");
    this.fill = fill;
    this.columns = box.querySelectorAll("thead th").length;
    this.rows = [];
    this.first = 0;
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
    this.box.style.height = `${Math.min(TALL, (list.length + 1) * ROW + 4)}px`;
    this.draw();
  }
  draw(all = false) {
    const room = all ? 500 : Math.ceil(this.box.clientHeight / ROW) + 4;
    const first = all ? 0 : Math.max(0, Math.min(this.list.length - room, Math.floor(this.box.scrollTop / ROW) - 2));
    const count = Math.min(room, this.list.length - first);
    this.turn(first - this.first);
    this.first = first;
    while (this.rows.length < count) {
      const row = el("tr", { tabIndex: 0 });
      for (let i = 0; i < this.columns; i++) row.append(el("td", {}, ""));
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
  // Rows that scroll out at one end come in at the other, so that those between keep what they show.
  turn(by) {
    const gone = by > 0 ? this.rows.slice(0, by) : this.rows.slice(by);
    if (by === 0 || gone.length === this.rows.length) return;
    const kept = this.rows.filter((row) => !gone.includes(row));
    this.rows = by > 0 ? [...kept, ...gone] : [...gone, ...kept];
    // A row that is moved loses the keyboard; the table takes it.
    if (gone.includes(document.activeElement)) this.box.focus({ preventScroll: true });
    if (by > 0) this.below.before(...gone);
    else this.above.after(...gone);
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
// Rows remember their values: asking the document for them would cost more than writing them.
const put = (row, values) => {
  values.forEach((value, i) => {
    if (!row.values || row.values[i] !== value) row.children[i].firstChild.data = value;
  });
  row.values = values;
};
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
  // All steps of a pair are about that pair.
  $("steps").classList.toggle("own", !whole);
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
// The chooser beside the lanes has the first pairs in the table's order; the table has all.
const MOST_CHOICES = 300;
const fillChooser = () => {
  const chooser = $("pairs");
  const some = shownCells.slice(0, MOST_CHOICES);
  chooser.hidden = some.length < 2;
  chooser.replaceChildren(
    el("option", { value: "", textContent: "another pair" }),
    ...some.map((cell) => el("option", { value: cell, textContent: [pairName(cell), KEY.diverged(cell)].join(" ").trim() })),
  );
};
$("pairs").addEventListener("change", (event) => {
  if (event.target.value !== "") choose(Number(event.target.value));
  event.target.value = "";
});
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
  fillChooser();
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
