/*
 * [data-countdown] counts to the server's deadline by the server's clock. It speaks at half, 60, 30 and 10 seconds,
 * shrinks its bar, and at zero fires `lockstep:due` on itself and `due` on the element that htmx shall refresh.
 */
import { onArrival } from "lockstep/arrivals";

const SPOKEN_SECONDS = [60, 30, 10];
const timers = new Set();

/* How far the server's clock is ahead of this device's, in milliseconds. */
let ahead = 0;
const sent = Date.parse(document.querySelector('meta[name="server-time"]')?.content ?? "");
if (!Number.isNaN(sent)) {
  const [page] = performance.getEntriesByType("navigation");
  ahead = sent - (performance.timeOrigin + (page?.responseStart ?? 0));
}

export function serverNow() {
  return Date.now() + ahead;
}

function figures(left) {
  const seconds = String(left % 60).padStart(2, "0");
  const minutes = Math.floor(left / 60) % 60;
  const hours = Math.floor(left / 3600);
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${seconds}` : `${minutes}:${seconds}`;
}

function spoken(left) {
  const { wordMinutes, wordSeconds } = document.body.dataset;
  const parts = [];
  if (left >= 60) {
    parts.push(wordMinutes.replace("{n}", Math.floor(left / 60)));
  }
  if (left % 60) {
    parts.push(wordSeconds.replace("{n}", left % 60));
  }
  return parts.join(" ");
}

function tick(timer) {
  const { element } = timer;
  if (!element.isConnected) {
    timers.delete(timer);
    return;
  }
  const left = Math.max(0, Math.ceil((Date.parse(element.dataset.countdown) - serverNow()) / 1000));
  if (left === timer.left) {
    return;
  }
  const crossed = timer.moments.filter((moment) => timer.left > moment && left <= moment);
  timer.left = left;
  element.textContent = figures(left);
  if (timer.total) {
    const fill = document.getElementById(element.dataset.bar)?.firstElementChild;
    fill?.style.setProperty("width", `${Math.min(100, (100 * left) / timer.total)}%`);
  }
  if (crossed.length && left && element.dataset.say) {
    timer.voice.textContent = element.dataset.say.replace("{left}", spoken(left));
  }
  if (left === 0) {
    timers.delete(timer);
    element.dispatchEvent(new CustomEvent("lockstep:due", { bubbles: true }));
    const next = document.getElementById(element.dataset.after);
    if (next) {
      globalThis.htmx?.trigger(next, "due");
    }
  }
}

onArrival("[data-countdown]", (element) => {
  if ([...timers].some((timer) => timer.element === element)) {
    return;
  }
  const total = Number(element.dataset.total);
  const voice = document.createElement("span");
  voice.className = "sr";
  voice.setAttribute("aria-live", "polite");
  element.after(voice);
  const moments = total ? [...new Set([Math.floor(total / 2), ...SPOKEN_SECONDS])] : SPOKEN_SECONDS;
  const timer = { element, total, voice, moments, left: Number.POSITIVE_INFINITY };
  timers.add(timer);
  timer.moments = moments.filter((moment) => Date.parse(element.dataset.countdown) - serverNow() > moment * 1000);
  tick(timer);
});

setInterval(() => timers.forEach(tick), 250);
document.addEventListener("visibilitychange", () => timers.forEach(tick));
document.addEventListener("lockstep:clock", (event) => {
  ahead = event.detail - Date.now();
});
