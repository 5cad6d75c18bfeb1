/* The queue by keyboard: J K choose, R presses the proposed step, W waits. Typing in a field is typing. */

const rows = [...document.querySelectorAll("[data-row]")];

function choose(step) {
  const now = rows.findIndex((row) => row.ariaCurrent === "true");
  rows[Math.min(rows.length - 1, Math.max(0, now + step))]?.click();
}

function press(key) {
  const form = document.querySelector("[data-decide]");
  const remark = form?.elements.reason;
  if (!remark) {
    return;
  }
  if (remark.value.trim()) {
    form.querySelector(`[data-decides="${key}"]`)?.click();
  } else {
    remark.focus(); // a decision without a sentence is refused anyway
  }
}

document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, textarea, select, [contenteditable]") || event.ctrlKey || event.metaKey || event.altKey) {
    return;
  }
  const does = { j: () => choose(1), k: () => choose(-1), r: () => press("r"), w: () => press("w") }[event.key];
  if (does) {
    event.preventDefault();
    does();
  }
});

for (const form of document.querySelectorAll("[data-submits]")) {
  form.addEventListener("change", () => form.requestSubmit());
  form.querySelector("button").hidden = true;
}
