/*
 * The order page, live. Badge, sentence and arrival window are written by patch.js; this module continues the time
 * line and the bar of four. Parts that look different afterwards (paid, on the way, over) are fetched again, once.
 */
import "lockstep/storefront/secrets";

const page = document.querySelector("[data-order]");
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const story = read("story-words");
const stages = read("stage-places");
const OVER = ["COMPLETED", "CANCELLED"];
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: page.dataset.zone });

function reload(...panels) {
  for (const name of panels) {
    const panel = page.querySelector(`[data-live-panel="${name}"]`);
    if (panel) {
      globalThis.htmx?.trigger(panel, "reload");
    }
  }
}

function fill(text, facts) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => facts?.[name] ?? whole);
}

function mark(kind) {
  const dot = document.createElement("span");
  dot.className = "dot";
  const shape = document.getElementById(`mark-${kind}`);
  if (shape) {
    dot.append(shape.content.cloneNode(true));
  }
  return dot;
}

function line(kind, text, why, at) {
  const item = document.createElement("li");
  item.className = kind;
  const what = document.createElement("p");
  what.className = "what";
  const time = document.createElement("time");
  time.dateTime = at;
  time.textContent = clock.format(new Date(at));
  what.append(text, time);
  item.append(mark(kind), what);
  if (kind === "now") {
    item.setAttribute("aria-current", "step");
  }
  if (why) {
    const reason = document.createElement("p");
    reason.className = "why";
    reason.textContent = why;
    item.append(reason);
  }
  return item;
}

/* A cancelled order is another page: what comes back stands first. The server draws it, this window stays. */
function redraw() {
  page.classList.add("slim");
  globalThis.htmx?.ajax("GET", location.pathname, { target: page, select: "#main > *", swap: "innerHTML" });
}

function changesThePage({ data, type }) {
  const isOver = (data.status ?? page.dataset.status) === "CANCELLED";
  return isOver && (Boolean(data.status) || type.startsWith("payment."));
}

function tell(frame) {
  const { data, type, at } = frame;
  if (page.dataset.status === "CANCELLED" && type.startsWith("refund.")) {
    return; // its own card tells it
  }
  const words = story[`${type}.${data.how}`] ?? story[type];
  const list = document.getElementById("timeline");
  if (!words || !list || list.querySelector(`[data-version="${frame.version}"]`)) {
    return;
  }
  const item = data.item?.[document.documentElement.lang.startsWith("zh") ? "zh" : "en"] ?? "";
  const before = list.querySelector(".now");
  if (before) {
    before.className = "was";
    before.removeAttribute("aria-current");
    before.querySelector(".dot").replaceWith(mark("was"));
  }
  const later = list.querySelector(".later");
  const isOver = OVER.includes(data.status ?? page.dataset.status);
  const kind = words.kind === "was" && !isOver ? "now" : words.kind;
  const fresh = line(kind, fill(words.text, { item }), fill(words.why, data), at);
  fresh.dataset.version = frame.version;
  fresh.classList.add("changed");
  if (later && !isOver) {
    later.before(fresh);
  } else {
    later?.remove();
    list.append(fresh);
  }
}

function advance(status) {
  page.querySelectorAll("[data-stages] > i").forEach((part, index) => {
    const place = index + 1;
    part.className = place < stages[status] ? "was" : place === stages[status] ? "now" : "";
  });
}

page.addEventListener("live:frame", ({ target, detail: frame }) => {
  if (target !== page) {
    return;
  }
  const { data } = frame;
  if (data.status) {
    page.dataset.status = data.status;
    advance(data.status);
  }
  if (changesThePage(frame)) {
    redraw();
    return;
  }
  if (frame.type === "snapshot") {
    reload("hero", "courier", "timeline", "lines", "money", "keys", "actions"); // something was missed
    return;
  }
  tell(frame);
  if (OVER.includes(data.status)) {
    reload("hero", "courier", "actions");
  } else if (data.paymentStatus || frame.type === "order.confirmed") {
    reload("hero", "actions"); // until when the shop answers; what it promised
  }
  if (data.status === "ON_DELIVERY") {
    reload("courier"); // the door code is for now
  }
});
