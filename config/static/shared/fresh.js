/*
 * [data-fresh]: how fresh the page is. live (line open, heard from in the last 25 s) · old (fetched, no line) ·
 * again (no line for 2 s) · off (for 15 s, or the device says so). Words come from data-word-live, -old ({n}), -again,
 * -off ({time}), -back; the clock is that of data-zone. Only going off and being back are announced; seconds never.
 * Fires `lockstep:fresh` (detail {state, time}) on the document when the state changes; state() tells it.
 */
const HEARD_MS = 25_000;
const GRACE_MS = 2_000;
const OFF_MS = 15_000;
const BACK_MS = 4_000; // how long "Live again, nothing missed" stays

let isOpen = false;
let hadLine = false; // until the first line, the server's own words stay
let heardAt = Date.now();
let lostAt = Date.now();
let backUntil = 0;
let current = "old";
let timer = 0;

export function state() {
  return current;
}

function judge() {
  const now = Date.now();
  if (navigator.onLine === false) {
    return "off";
  }
  if (isOpen && now - heardAt < HEARD_MS) {
    return "live";
  }
  const without = isOpen ? now - heardAt - HEARD_MS : now - lostAt;
  if (without >= OFF_MS) {
    return "off";
  }
  return without >= GRACE_MS ? "again" : current;
}

function clock(zone) {
  const figures = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  return new Intl.DateTimeFormat("en-GB", { ...figures, timeZone: zone || undefined }).format(heardAt);
}

function words(pill) {
  const { wordLive, wordOld, wordAgain, wordOff, wordBack } = pill.dataset;
  const seconds = Math.floor((Date.now() - heardAt) / 1000);
  return {
    live: Date.now() < backUntil ? wordBack : wordLive,
    old: wordOld?.replace("{n}", seconds),
    again: wordAgain,
    off: wordOff?.replace("{time}", clock(pill.dataset.zone)),
  }[current];
}

function draw() {
  for (const pill of document.querySelectorAll("[data-fresh]")) {
    const text = pill.querySelector("[data-fresh-text]") ?? pill;
    const said = words(pill);
    const isSpoken = current === "off" || (current === "live" && Date.now() < backUntil);
    pill.setAttribute("aria-live", isSpoken ? "polite" : "off");
    pill.classList.remove("live", "old", "again", "off");
    pill.classList.add(current);
    pill.dataset.fresh = current;
    if (said && text.textContent !== said) {
      text.textContent = said;
    }
  }
}

function look() {
  if (!hadLine && navigator.onLine !== false && Date.now() - lostAt < OFF_MS) {
    return;
  }
  const was = current;
  current = judge();
  if (current === "live" && was === "off" && hadLine) {
    backUntil = Date.now() + BACK_MS;
  }
  draw();
  if (current !== was) {
    const zone = document.querySelector("[data-fresh]")?.dataset.zone;
    document.dispatchEvent(new CustomEvent("lockstep:fresh", { detail: { state: current, time: clock(zone) } }));
  }
}

document.addEventListener("lockstep:line", (event) => {
  if (isOpen && !event.detail.open) {
    lostAt = Date.now();
  }
  isOpen = event.detail.open;
  heardAt = isOpen ? Date.now() : heardAt;
  look();
  hadLine ||= isOpen;
  timer ||= setInterval(look, 500);
});
document.addEventListener("lockstep:heard", () => {
  heardAt = Date.now();
  hadLine = true;
  if (current !== "live") {
    look();
  }
});
document.addEventListener("htmx:load", () => hadLine && draw());
addEventListener("offline", look);
addEventListener("online", look);
