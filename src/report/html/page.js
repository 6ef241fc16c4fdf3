// Links to a moment, light and dark, print, and the beginning of it all.
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

// Looks.
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
