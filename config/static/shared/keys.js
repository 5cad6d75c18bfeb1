/*
 * [data-key="a"] is pressed (a field: focused) by that key, never while somebody types and never with Ctrl, Alt or ⌘.
 * Inside a [data-key-scope] a key means the scope that holds the focus: the ticket one stands on.
 */

const TYPING = "input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]";

function meant(key) {
  const scope = document.activeElement?.closest("[data-key-scope]");
  const dialog = document.querySelector("dialog[open]");
  const selector = `[data-key="${CSS.escape(key)}"]`;
  const inside = (dialog ?? scope)?.querySelector(selector);
  if (inside || dialog) {
    return inside;
  }
  return [...document.querySelectorAll(selector)].find((element) => !element.closest("[data-key-scope]"));
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.target.closest?.(TYPING)) {
    return;
  }
  const element = meant(event.key.length === 1 ? event.key.toLowerCase() : event.key);
  if (!element || element.disabled || element.getAttribute("aria-disabled") === "true") {
    return;
  }
  if (event.key === "Enter" && event.target !== element && event.target.closest("a, button")) {
    return; // Enter on a button belongs to that button
  }
  event.preventDefault();
  if (element.matches(TYPING) || element.matches("[tabindex]:not(a):not(button)")) {
    element.focus();
  } else {
    element.click();
  }
});
