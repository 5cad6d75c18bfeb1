/*
 * Writes a frame's fields into the page, within the root that follows its topic; no request for a plain status.
 *
 *   [data-live-field="status"]    the badge of `data.word`, from the page's table of labels, `data.facts` filled in
 *   [data-live-field="sentence"]  that label's `sentence`, where the table has one
 *   [data-live-field="window"]    `data.window` [from, to] as 18:42–18:50 in the zone of data-zone, rounded outwards
 *   [data-live-field="<name>"]    any other field of the data, as text
 *   [data-live-show="PENDING READY"]   hidden unless the status (or the word's key) is one of these
 *   [data-live-panel="lines"]     refetched when `data.reload` names it: htmx's event `reload` is fired on it
 *
 * The table: <script type="application/json" data-live-words>{"CONFIRMED": {"text": "Shop accepted", "family": "move",
 * "icon": "<the d of the icon's path>", "sentence": "…"}}</script>. A field that changed wears `.changed` once.
 */
const SVG = "http://www.w3.org/2000/svg";
const known = new WeakMap(); // root → all data of its frames merged

let table = null;

function labels() {
  if (!table) {
    const sources = document.querySelectorAll("script[data-live-words]");
    table = Object.assign({}, ...[...sources].map((source) => JSON.parse(source.textContent)));
  }
  return table;
}

function filled(text, facts = {}) {
  return text.replace(/\{(\w+)\}/g, (_, name) => facts[name] ?? "");
}

function badge(label, facts) {
  const drawn = document.createElement("span");
  drawn.className = `badge ${label.family}`;
  if (label.icon) {
    const icon = document.createElementNS(SVG, "svg");
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", label.icon);
    for (const [name, value] of Object.entries({ class: "i", viewBox: "0 0 24 24", "aria-hidden": "true" })) {
      icon.setAttribute(name, value);
    }
    icon.append(path);
    drawn.append(icon);
  }
  const text = document.createElement("span");
  text.textContent = filled(label.text, facts);
  drawn.append(text);
  return drawn;
}

function minutes(moments, zone) {
  const figures = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: zone || undefined };
  const format = new Intl.DateTimeFormat("en-GB", figures);
  const [from, to] = moments.map((moment) => Date.parse(moment) / 60_000);
  return `${format.format(Math.floor(from) * 60_000)}–${format.format(Math.ceil(to) * 60_000)}`;
}

function flash(node) {
  node.classList.remove("changed");
  void node.offsetWidth; // lets the same animation begin again
  node.classList.add("changed");
}

function write(node, content) {
  const isNode = content instanceof Node;
  const before = isNode ? node.innerHTML : node.textContent;
  const next = isNode ? content.outerHTML : content;
  if (before.trim() !== next) {
    node.replaceChildren(content);
    flash(node);
  }
}

function content(node, data, changed) {
  const name = node.dataset.liveField;
  const label = labels()[data.word];
  const isSaid = "word" in changed || "facts" in changed;
  if (name === "status") {
    return isSaid && label ? badge(label, data.facts) : null;
  }
  if (name === "sentence" && !("sentence" in changed)) {
    return isSaid && label?.sentence ? filled(label.sentence, data.facts) : null;
  }
  if (!(name in changed) || (changed[name] !== null && typeof changed[name] === "object" && name !== "window")) {
    return null;
  }
  if (name === "window") {
    return data.window?.every(Boolean) ? minutes(data.window, node.dataset.zone) : null;
  }
  return changed[name] === null ? "" : String(changed[name]);
}

function patch(root, frame) {
  const changed = frame.data ?? {};
  const data = frame.type === "snapshot" ? { ...changed } : { ...known.get(root), ...changed };
  known.set(root, data);
  const own = (selector) =>
    [...root.querySelectorAll(selector)].filter((node) => node.closest("[data-live-topic]") === root);
  for (const node of own("[data-live-field]")) {
    const next = content(node, data, changed);
    if (next !== null) {
      write(node, next);
    }
  }
  if (changed.status) {
    root.dataset.status = changed.status;
    const names = [changed.status, data.word];
    for (const node of own("[data-live-show]")) {
      node.hidden = !node.dataset.liveShow.split(" ").some((name) => names.includes(name));
    }
  }
  const panels = changed.reload ?? [];
  for (const node of own("[data-live-panel]").filter((panel) => panels.includes(panel.dataset.livePanel))) {
    globalThis.htmx?.trigger(node, "reload");
  }
}

document.addEventListener("live:frame", (event) => patch(event.target, event.detail));
