/*
 * Puts tickets into their columns: never an older version over a newer one, never under a finger, and the counts,
 * the tabs and the title follow. A ticket comes from the board, from a press (htmx) or from a live event.
 */
import { onArrival } from "lockstep/arrivals";

const waiting = new Map(); // ticket id → what shall replace it once the finger is off and its own press is answered
let held = null;

const version = (ticket) => Number(ticket.dataset.liveVersion);
const column = (key) => document.querySelector(`[data-column-key="${key}"]`);

export const tickets = () => [...document.querySelectorAll("[data-board] [data-ticket]")];

/* Reads tickets out of HTML that the server sent. */
export function parse(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  return [...page.querySelectorAll("[data-ticket]")].map((ticket) => document.importNode(ticket, true));
}

export function count() {
  for (const section of document.querySelectorAll("[data-column-key]")) {
    const all = [...section.querySelectorAll("[data-ticket]")];
    const running = all.filter((ticket) => !("gone" in ticket.dataset)).length;
    for (const place of document.querySelectorAll(`[data-count-of="${section.dataset.columnKey}"]`)) {
      place.textContent = running;
    }
    const nothing = section.querySelector(".nothing");
    if (nothing) {
      nothing.hidden = all.length > 0;
    }
    if (section.dataset.columnKey === "new") {
      const name = document.querySelector("[data-board]").dataset.orders;
      document.title = running ? `(${running}) ${name}` : `${name} · Lockstep`;
    }
  }
}

/* Stands the ticket where it belongs: by deadline, in its column. */
function stand(ticket) {
  const section = column(ticket.dataset.column);
  const shelf = section.querySelector(".grid-done") ?? section;
  const others = [...shelf.querySelectorAll("[data-ticket]")].filter((other) => other !== ticket);
  const next = others.find((other) => Number(other.dataset.sort) > Number(ticket.dataset.sort));
  shelf.insertBefore(ticket, next ?? shelf.querySelector(".nothing"));
}

function wake(ticket) {
  globalThis.htmx?.process(ticket);
  ticket.dispatchEvent(new CustomEvent("htmx:load", { bubbles: true, detail: { elt: ticket } }));
}

/* Under a finger, or a press on it is on its way: htmx needs the form in the page to put the answer somewhere. */
function isBusy(ticket) {
  return ticket.contains(held) || ticket.querySelector(".htmx-request") !== null;
}

function release() {
  for (const [id, fresh] of waiting) {
    waiting.delete(id);
    place(fresh);
  }
}

/* Takes a ticket from the server; true when it is one that the board did not have. */
export function place(fresh) {
  const current = document.getElementById(fresh.id);
  if (current && version(current) >= version(fresh)) {
    return false;
  }
  if (current && isBusy(current)) {
    waiting.set(fresh.id, fresh);
    return false;
  }
  const hadFocus = current?.contains(document.activeElement);
  current?.remove();
  if (!current) {
    fresh.classList.add("arrived");
  }
  stand(fresh);
  wake(fresh);
  if (hadFocus) {
    fresh.focus({ preventScroll: true });
  }
  count();
  return !current;
}

export function remove(ticket) {
  ticket.remove();
  count();
}

/* A press was answered: the ticket stands where it stood before; let it move. */
onArrival("[data-board] [data-ticket]", (ticket) => {
  if (ticket.closest("[data-column-key]")?.dataset.columnKey !== ticket.dataset.column) {
    const hadFocus = ticket.contains(document.activeElement);
    stand(ticket);
    if (hadFocus) {
      ticket.focus({ preventScroll: true });
    }
  }
  count();
});

document.addEventListener("htmx:beforeSwap", (event) => {
  const ticket = event.detail.target?.closest?.("[data-ticket]");
  const [, sent] = event.detail.xhr.responseText.match(/data-live-version="(\d+)"/) ?? [];
  if (ticket && sent && Number(sent) < version(ticket)) {
    event.detail.shouldSwap = false;
  }
});
document.addEventListener("htmx:afterSettle", count);
document.addEventListener("htmx:afterRequest", () => setTimeout(release));

document.addEventListener("pointerdown", (event) => {
  held = event.target;
});
for (const type of ["pointerup", "pointercancel"]) {
  document.addEventListener(type, () => {
    held = null;
    setTimeout(release, 400); // the press itself comes first
  });
}
