/* Without a connection nothing can be pressed: every [data-needs-line] says so and rests until the line is back. */
import { onArrival } from "lockstep/arrivals";

let isDown = false;

function rest(element) {
  if (element.matches("a")) {
    element.setAttribute("aria-disabled", String(isDown));
  } else {
    element.disabled = isDown;
  }
  const words = document.querySelector('meta[name="needs-line"]')?.content;
  const said = element.querySelector(":scope > .needs-line");
  if (!isDown) {
    said?.remove();
  } else if (!said && words && element.matches(".ticket .grow, .ticket .wide")) {
    const note = document.createElement("span");
    note.className = "needs-line small";
    note.textContent = words;
    element.append(note);
  }
}

export function setDown(down) {
  isDown = down;
  for (const element of document.querySelectorAll("[data-needs-line]")) {
    rest(element);
  }
  for (const ticket of document.querySelectorAll("[data-ticket]")) {
    ticket.toggleAttribute("data-resting", down);
  }
}

onArrival("[data-needs-line]", (element) => isDown && rest(element));
document.addEventListener(
  "click",
  (event) => {
    if (event.target.closest('a[aria-disabled="true"]')) {
      event.preventDefault();
      event.stopImmediatePropagation();
    }
  },
  true,
);
