/* Leaving the page hides every shown key, also from the copy of the page that the browser keeps for going back. */

addEventListener("pagehide", () => {
  for (const card of document.querySelectorAll("[data-secret]")) {
    for (const code of card.querySelectorAll("code")) {
      code.textContent = "••••";
    }
  }
});
addEventListener("pageshow", (event) => {
  if (!event.persisted) {
    return;
  }
  for (const card of document.querySelectorAll("[data-secret]")) {
    globalThis.htmx?.trigger(card, "hide");
  }
});
