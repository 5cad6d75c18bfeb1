/*
 * The board, live: an order's event fetches that ticket alone and puts it into its column; after an absence the
 * whole board is fetched once and one line says what was missed.
 */
import * as chime from "lockstep/merchant/chime";
import "lockstep/merchant/columns";
import { setDown } from "lockstep/merchant/line";
import "lockstep/merchant/minutes";
import * as missed from "lockstep/merchant/missed";
import { count, parse, place, remove, tickets } from "lockstep/merchant/tickets";
import { listen } from "lockstep/merchant/wire";

const UNPAID = ["PENDING.UNPAID", "PENDING.PROCESSING"];

const board = document.querySelector("[data-board]");
const notes = document.querySelector("[data-notes]");
const said = document.querySelector("[data-said]");

async function ask(address) {
  const answer = await fetch(address, { headers: { "HX-Request": "true" } });
  if (answer.redirected || answer.status === 403) {
    location.reload(); // signed out meanwhile
  }
  return answer.status === 204 || answer.status === 404 ? "" : answer.ok ? answer.text() : null;
}

function announce(ticket) {
  if (ticket.dataset.column === "new" && !("gone" in ticket.dataset)) {
    said.textContent = said.dataset.wordNew
      .replace("{number}", ticket.dataset.number)
      .replace("{amount}", ticket.dataset.amount);
    chime.ring();
  }
}

async function refreshTicket(order) {
  const html = await ask(board.dataset.ticketAddress.replace("/ord/", `/${order}/`));
  for (const ticket of parse(html ?? "")) {
    if (place(ticket)) {
      announce(ticket);
    }
  }
}

async function refreshBoard() {
  const html = await ask(board.dataset.address);
  if (html === null) {
    return false;
  }
  const fresh = parse(html);
  for (const ticket of fresh) {
    if (place(ticket)) {
      announce(ticket);
    }
  }
  const kept = new Set(fresh.map((ticket) => ticket.id));
  tickets()
    .filter((ticket) => !kept.has(ticket.id))
    .forEach(remove);
  return true;
}

/* Whether the server has orders that are not here, newer ones, or none of some that still stand here as running. */
function isBehind(orders) {
  const running = Object.entries(orders).filter(([, order]) => !UNPAID.includes(order.word));
  const lacks = running.some(([id, order]) => {
    const ticket = document.getElementById(`t-${id}`);
    return !ticket || Number(ticket.dataset.liveVersion) < order.version;
  });
  const ended = tickets().some(
    (ticket) => !("gone" in ticket.dataset) && ticket.dataset.column !== "done" && !orders[ticket.dataset.ticket],
  );
  return lacks || ended;
}

function show(id) {
  const note = document.getElementById(id).content.firstElementChild.cloneNode(true);
  notes.replaceChildren(note);
  return note;
}

function switches() {
  globalThis.htmx?.ajax("GET", board.dataset.switchesAddress, { swap: "none" });
}

listen(board.dataset.topics.split(" "), {
  event(frame) {
    if (!frame.order) {
      if (/^(shop|keys)\./.test(frame.type)) {
        switches(); // keys.*: a pool runs low, or was refilled
      }
      return;
    }
    const known = document.getElementById(`t-${frame.order}`);
    if (frame.order && !(known && Number(known.dataset.liveVersion) >= frame.version)) {
      refreshTicket(frame.order);
    }
  },
  down(time) {
    setDown(true);
    const words = show("offline-note").querySelector("[data-words]");
    words.textContent = words.dataset.words.replace("{time}", time);
  },
  state(frame) {
    if (frame.data.orders && isBehind(frame.data.orders)) {
      refreshBoard();
    }
  },
  poll: refreshBoard,
  async back() {
    const before = missed.look();
    switches();
    if (await refreshBoard()) {
      setDown(false);
      missed.tell(show("back-note"), before);
    }
  },
});

document.addEventListener("lockstep:silent", () => show("silent-note"));
document.addEventListener("lockstep:audible", () => notes.querySelector("[data-silent]")?.remove());
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-put-away]")) {
    notes.replaceChildren();
  } else if (event.target.closest("[data-retry]")) {
    location.reload();
  }
});

const sound = document.querySelector("[data-sound]");
function drawSound() {
  sound.hidden = false;
  sound.setAttribute("aria-pressed", String(chime.isOn()));
  sound.querySelector("[data-sound-on]").hidden = !chime.isOn();
  sound.querySelector("[data-sound-off]").hidden = chime.isOn();
}
sound.addEventListener("click", () => {
  chime.turn(!chime.isOn());
  drawSound();
});
drawSound();
count();
document.addEventListener("htmx:afterRequest", (event) => {
  const dialog = event.target.closest?.("dialog[open]");
  if (dialog && event.detail.successful) {
    dialog.close();
  }
});
