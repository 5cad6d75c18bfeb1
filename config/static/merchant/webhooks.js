/* The webhooks page, live: what happened to an endpoint or an order fetches the cards and the list anew. */
import { setDown } from "lockstep/merchant/line";
import { listen } from "lockstep/merchant/wire";

const page = document.querySelector("[data-webhooks]");
const BUSY_MS = 3_000; // while something waits its state changes without an event
const PARTS = ["endpoints", "tabs", "messages"];
let timer = 0;
let isAsking = false;

async function refresh() {
  if (isAsking || document.hidden || document.querySelector("dialog[open]") || page.querySelector("button:active")) {
    return;
  }
  isAsking = true;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.ok && !answer.redirected) {
      show(new DOMParser().parseFromString(await answer.text(), "text/html"));
    }
  } catch {
    // the line is down; what stands here stays, and the pill says its age
  } finally {
    isAsking = false;
  }
}

function show(fresh) {
  for (const id of PARTS) {
    const old = document.getElementById(id);
    const next = fresh.getElementById(id);
    if (old && next && old.innerHTML !== next.innerHTML && !old.contains(document.activeElement)) {
      old.replaceWith(next);
    } else if (old && next) {
      old.toggleAttribute("data-busy", next.hasAttribute("data-busy"));
    }
  }
}

function soon() {
  clearTimeout(timer);
  timer = setTimeout(refresh, 400);
}

listen(page.dataset.topics.split(" "), {
  event: soon,
  down: () => setDown(true),
  back() {
    setDown(false);
    soon();
  },
  poll: refresh,
});
setInterval(() => document.querySelector("#endpoints[data-busy], #endpoints .badge.move") && refresh(), BUSY_MS);
