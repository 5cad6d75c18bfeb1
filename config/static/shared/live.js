/*
 * What the page follows live: every topic once, forward only, nothing skipped.
 *
 * How a page uses it (page.js loads this, fresh.js and patch.js; a page without topics opens no line):
 *
 *   <main data-live-topic="order/ord_x" data-live-version="3">          one topic, or several separated by blanks;
 *                                                                       version: what the server has just rendered
 *     <span data-live-field="status">…</span>                           written from the frames: see patch.js
 *     <div data-live-panel="keys" hx-get="…" hx-trigger="reload">…</div>   fetched again when a frame says so
 *
 * On each root (an element with data-live-topic) a frame that is news to it fires `live:frame` (bubbles, detail = the
 * frame) and then `lockstep:changed` (for hx-trigger="lockstep:changed"). On the document it fires `lockstep:frame`
 * once, however many roots there are. A frame is {type, topic, stream, order, version, position, at, data};
 * `type` is the event's, or `snapshot`: then `data` is the whole state, else only what changed.
 * A module that draws by itself calls follow("board/res_x") and listens to `lockstep:frame`.
 * A topic that this person may not follow is silently forgotten. Roots that htmx brings or takes away are noticed.
 */
import { onArrival } from "lockstep/arrivals";
import { Line } from "lockstep/line";

const line = new Line();
const topics = new Map(); // topic → {version the page has, its roots, held by a module}
let shown = 0; // highest position on the page
let acknowledged = 0; // highest position that the server knows to be shown

export function follow(topic) {
  add(topic, 0).held = true;
}

function add(topic, version) {
  let known = topics.get(topic);
  if (!known) {
    known = { version, roots: new Set(), held: false };
    topics.set(topic, known);
    const frame = (told, isNews, version) => show(told, isNews, version, known);
    line.follow(topic, { version, frame, lost: () => topics.delete(topic), repeats: true });
  } else if (version && version < known.version) {
    line.again(topic, version); // an older rendering has arrived: what it lacks comes again
  }
  return known;
}

function prune() {
  for (const [topic, known] of topics) {
    known.roots.forEach((root) => root.isConnected || known.roots.delete(root));
    if (!known.roots.size && !known.held) {
      topics.delete(topic);
      line.unfollow(topic);
    }
  }
}

/* A root that shows an older version wants also what is no news to the page. */
function show(frame, isNews, version, known) {
  known.version = Math.max(known.version, version);
  for (const root of known.roots) {
    const isOnly = root.dataset.liveTopic.trim() === frame.topic; // with several topics a root has no one version
    if (root.isConnected && (!version || (isOnly ? version > Number(root.dataset.liveVersion ?? 0) : isNews))) {
      if (version && isOnly) {
        root.dataset.liveVersion = version;
      }
      root.dispatchEvent(new CustomEvent("live:frame", { bubbles: true, detail: frame }));
      root.dispatchEvent(new CustomEvent("lockstep:changed"));
    }
  }
  if (isNews) {
    document.dispatchEvent(new CustomEvent("lockstep:frame", { detail: frame }));
  }
  if (frame.type !== "snapshot") {
    acknowledge(frame.position);
  }
}

/* The next picture shows it. While the page is hidden there is none, so nothing is acknowledged. */
function acknowledge(position) {
  if (position <= shown) {
    return;
  }
  const isWaiting = shown > acknowledged;
  shown = position;
  if (!isWaiting) {
    requestAnimationFrame(() => {
      acknowledged = shown;
      line.shown(shown);
    });
  }
}

onArrival("[data-live-topic]", (root) => {
  const names = root.dataset.liveTopic.trim().split(/\s+/);
  for (const topic of names.filter(Boolean)) {
    add(topic, names.length === 1 ? Number(root.dataset.liveVersion ?? 0) : 0).roots.add(root);
  }
});
document.addEventListener("htmx:load", prune);

/* The line's news for the rest of the page: fresh.js says how fresh it is, countdown.js goes by the server's clock. */
function tell(name, detail) {
  document.dispatchEvent(new CustomEvent(name, { detail }));
}

line.addEventListener("state", ({ detail }) => tell("lockstep:line", detail));
line.addEventListener("heard", () => tell("lockstep:heard"));
line.addEventListener("clock", ({ detail }) => tell("lockstep:clock", detail.at));
line.addEventListener("refused", () => tell("lockstep:signed-out"));
addEventListener("online", () => line.wake());
addEventListener("pageshow", (event) => event.persisted && line.wake());
addEventListener("pagehide", () => line.close());
document.addEventListener("visibilitychange", () => document.hidden || line.wake());
