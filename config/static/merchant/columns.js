/* One column at a time on narrow screens; 1 to 4 jump to columns, ↑ and ↓ walk through tickets. */
import { tickets } from "lockstep/merchant/tickets";

const TYPING = "input:not([type=radio]):not([type=checkbox]), textarea, select";

const columns = () => [...document.querySelectorAll(".column[data-column-key]")];

function choose(key) {
  for (const column of columns()) {
    column.classList.toggle("off-narrow", column.dataset.columnKey !== key);
  }
  for (const tab of document.querySelectorAll("[data-tab]")) {
    if (tab.dataset.tab === key) {
      tab.setAttribute("aria-current", "true");
    } else {
      tab.removeAttribute("aria-current");
    }
  }
}

document.addEventListener("click", (event) => {
  const tab = event.target.closest("[data-tab]");
  if (tab) {
    event.preventDefault();
    choose(tab.dataset.tab);
  }
});

function jump(number) {
  const column = columns()[number - 1];
  if (column) {
    choose(column.dataset.columnKey);
    (column.querySelector("[data-ticket]") ?? column.closest(".columns")).focus();
  }
  return Boolean(column);
}

function walk(step) {
  const now = document.activeElement?.closest("[data-ticket]");
  const all = now ? [...now.parentElement.querySelectorAll("[data-ticket]")] : tickets();
  const next = all[now ? all.indexOf(now) + step : 0];
  next?.focus();
  return Boolean(next);
}

document.addEventListener("keydown", (event) => {
  const busy = event.target.closest?.(TYPING) || document.querySelector("dialog[open]");
  if (busy || event.ctrlKey || event.metaKey || event.altKey) {
    return;
  }
  const isRadio = event.target.matches?.("input[type=radio]");
  const moved =
    (/^[1-9]$/.test(event.key) && jump(Number(event.key))) ||
    (!isRadio && event.key === "ArrowDown" && walk(1)) ||
    (!isRadio && event.key === "ArrowUp" && walk(-1));
  if (moved) {
    event.preventDefault();
  }
});
