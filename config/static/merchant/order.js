/* One order's page, live: after each event of the order what stands on it is fetched anew. */
import "lockstep/merchant/minutes";
import { onArrival } from "lockstep/arrivals";
import { setDown } from "lockstep/merchant/line";
import { listen } from "lockstep/merchant/wire";

const panel = document.querySelector("[data-order-page]");

function refresh() {
  return globalThis.htmx?.ajax("GET", location.pathname, { target: panel, select: "#order-panel", swap: "innerHTML" });
}

function newer(frame) {
  if (frame.version > Number(panel.dataset.liveVersion)) {
    panel.dataset.liveVersion = frame.version;
    refresh();
  }
}

listen(panel.dataset.topics.split(" "), {
  event: newer,
  state: newer,
  down: () => setDown(true),
  back: () => setDown(false),
});

onArrival("[data-print]", (button) => {
  button.hidden = false;
});
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) {
    print();
  }
});
