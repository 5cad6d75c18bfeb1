/* The picker and its list, live; a scanner's digits go into the barcode field wherever the focus is. */
import { onArrival } from "lockstep/arrivals";
import { setDown } from "lockstep/merchant/line";
import { listen } from "lockstep/merchant/wire";

const panel = document.querySelector("[data-picking]");
let context = null;

function refresh() {
  return globalThis.htmx?.ajax("GET", location.href, { target: panel, swap: "innerHTML" });
}

function newer(frame) {
  const shown = Number(panel.querySelector("[data-live-version]")?.dataset.liveVersion ?? 0);
  if (frame.topic.startsWith("board/") ? frame.type !== "snapshot" : frame.version > shown) {
    refresh();
  }
}

listen(panel.dataset.topics.split(" "), {
  event: newer,
  state: newer,
  down: () => setDown(true),
  back() {
    setDown(false);
    refresh();
  },
});

document.addEventListener("keydown", (event) => {
  context ??= new AudioContext();
  const field = panel.querySelector("[data-scan]");
  const typing = event.target.closest("input, textarea, select");
  if (field && !typing && /^\d$/.test(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey) {
    field.focus(); // the digit itself lands in the field
  }
});

/* Another thing was scanned: a low tone, and the field is ready for the next try. */
onArrival("[data-wrong]", () => {
  panel.querySelector("[data-scan]")?.focus();
  if (context?.state === "running") {
    const tone = context.createOscillator();
    tone.type = "square";
    tone.frequency.value = 180;
    tone.connect(context.destination);
    tone.start();
    tone.stop(context.currentTime + 0.25);
  }
});
