/*
 * Leaving the page hides every shown key, also from the copy of the page that the browser keeps for going back; a page
 * that does not fetch the hidden card by itself (htmx does) hides it after five minutes.
 */

const SHOWN_MS = 300_000;

function blank(card) {
  for (const code of card.querySelectorAll("code")) {
    code.textContent = "••••";
  }
}

for (const card of document.querySelectorAll("[data-secret]:not([hx-get])")) {
  setTimeout(() => blank(card), SHOWN_MS);
}
addEventListener("pagehide", () => document.querySelectorAll("[data-secret]").forEach(blank));
addEventListener("pageshow", (event) => {
  if (!event.persisted) {
    return;
  }
  for (const card of document.querySelectorAll("[data-secret]")) {
    globalThis.htmx?.trigger(card, "hide");
  }
});
