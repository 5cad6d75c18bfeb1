/*
 * The one WebSocket of a page: opens, opens again after growing waits cut by chance, notices when it has gone silent.
 * On the document: `lockstep:line` (detail {open}), `lockstep:heard` for every message, `lockstep:clock` (server time
 * in ms, for the countdowns), `lockstep:signed-out` when the session has ended (it is not opened again then).
 */
const PROTOCOL = "lockstep.v1";
const SIGNED_OUT = 4401;
const SILENT_MS = 45_000; // two pings of the server and some
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;

let socket = null;
let opened = () => {};
let heard = () => {};
let tries = 0;
let timer = 0;
let heardAt = 0;
let isWanted = false;

function tell(name, detail) {
  document.dispatchEvent(new CustomEvent(name, { detail }));
}

export function say(message) {
  if (socket?.readyState === WebSocket.OPEN) {
    socket.send(JSON.stringify(message));
  }
}

/* Open the line when it is not open yet; `onOpen()` after each opening, `onFrame(frame)` for what has a topic. */
export function open(onOpen, onFrame) {
  opened = onOpen;
  heard = onFrame;
  if (!isWanted) {
    isWanted = true;
    connect();
  }
}

function connect() {
  clearTimeout(timer);
  timer = 0;
  if (!isWanted || socket) {
    return;
  }
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const mine = (socket = new WebSocket(`${scheme}//${location.host}/live/ws`, [PROTOCOL]));
  mine.onopen = () => {
    heardAt = Date.now();
    opened();
    tell("lockstep:line", { open: true });
  };
  mine.onmessage = (event) => mine === socket && hear(JSON.parse(event.data));
  mine.onclose = (event) => mine === socket && lost(event.code);
}

function hear(message) {
  heardAt = Date.now();
  if (message.type === "reconnect") {
    timer ||= setTimeout(hangUp, Math.random() * message.within_ms);
  } else if (message.topic) {
    tries = 0;
    heard(message);
  } else if (message.at) {
    tell("lockstep:clock", Date.parse(message.at));
  }
  tell("lockstep:heard");
}

function hangUp() {
  const old = socket;
  lost(0);
  old?.close();
}

function lost(code) {
  socket = null;
  tell("lockstep:line", { open: false });
  clearTimeout(timer);
  timer = 0;
  if (code === SIGNED_OUT) {
    isWanted = false;
    tell("lockstep:signed-out");
    return;
  }
  const most = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** tries);
  tries += 1;
  timer = setTimeout(connect, most / 4 + Math.random() * most * 0.75);
}

function now() {
  tries = 0;
  connect();
}

addEventListener("online", now);
addEventListener("pageshow", (event) => event.persisted && now());
addEventListener("pagehide", () => socket?.close());
document.addEventListener("visibilitychange", () => document.hidden || now());
setInterval(() => socket?.readyState === WebSocket.OPEN && Date.now() - heardAt > SILENT_MS && hangUp(), 5_000);
