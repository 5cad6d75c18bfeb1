/* What happened while this screen was away, in one line: compares the board before with the board after. */
import { tickets } from "lockstep/merchant/tickets";

export function look() {
  return new Map(tickets().map((ticket) => [ticket.id, { column: ticket.dataset.column, gone: "gone" in ticket.dataset }]));
}

/* Fills the [data-missed] element of a note with words for every ticket that differs. */
export function tell(note, before) {
  const place = note.querySelector("[data-missed]");
  const { wordMissed, wordNothing, wordNew, wordMoved, wordGone, wordDone } = place.dataset;
  const fresh = [];
  const parts = [];
  for (const ticket of tickets()) {
    const was = before.get(ticket.id);
    const { number, column } = ticket.dataset;
    const title = ticket.closest("[data-column-key]").dataset.title;
    if ("gone" in ticket.dataset) {
      if (!was?.gone) {
        parts.push(wordGone.replace("{number}", number));
      }
    } else if (!was) {
      if (column === "done") {
        parts.push(wordDone.replace("{number}", number));
      } else {
        fresh.push(number);
      }
    } else if (was.column !== column) {
      const words = column === "done" ? wordDone : wordMoved;
      parts.push(words.replace("{number}", number).replace("{column}", title));
    }
  }
  if (fresh.length) {
    parts.unshift(wordNew.replace("{n}", fresh.length).replace("{list}", fresh.join(", ")));
  }
  place.textContent = parts.length ? wordMissed.replace("{what}", parts.join(", ")) : wordNothing;
}
