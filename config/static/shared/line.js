/*
 * Line: everything live over one connection, by whatever passes: WebSocket, else server-sent events, else long-poll.
 * One module without dependencies and without a document; our pages use it through live.js, others may as it is:
 *
 *   import { Line } from "https://shop.example/static/shared/line.js";
 *   const line = new Line({ url: "https://shop.example", ticket: () => fetch("/my-ticket").then((r) => r.text()) });
 *   line.addEventListener("state", ({ detail }) => console.log(detail.open ? `live by ${detail.by}` : "reconnecting"));
 *   line.follow("order/ord_x", { frame: (frame) => console.log(frame.type, frame.version, frame.data) });
 *
 * Promises: frames of a topic come forward only and none is left out (a gap is asked for again, what was missed while
 * the line was down comes first); a `snapshot` holds the whole state, any other frame what changed. When a way fails
 * twice (one that has worked: six times) the next one is tried; while on a lower one the higher ones are tried again,
 * and taken without a gap.
 *
 * new Line({url, ticket, headers, ways, climb})   url: the origin (default: the page's). ticket: async, gives a fresh
 *     single-use ticket for each connection (POST /api/v1/live/tickets); without it the session cookie counts.
 *     headers: for long-poll, such as {"X-Api-Key": …}. ways: which, in order. climb: [ms, …] between tries to climb.
 * follow(topic, {version, frame, lost, repeats})   version: what is shown already. frame(frame, isNews, version): version 0
 *     when it says nothing about this topic; frames that are no news come only with `repeats`. lost(code): it cannot be followed (any more).
 * again(topic, version) · unfollow(topic) · shown(position): what is on the screen · wake() · close() · by · silentMs
 * Events: state {open, by} · heard · clock {at} (server time in ms) · refused {code} (4401: sign in again).
 */
const PROTOCOL = "lockstep.v1";
const REFUSED = 4401;
const FULL = 4429;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
const OPEN_MS = 6_000; // within which a way greets, or has failed
const SILENT_MS = 45_000; // two pings of the server and some
const POLL_SECONDS = 20;
const FAILURES = 2; // in a row, without a greeting, before the next way
const FAILURES_OF_PROVEN = 6; // of a way that has worked here: then rather the server is away
const SOON_MS = 30; // topics that are asked for together

/* Each way: open(), then says to its line `greeted`, `heard`, `ended`; ask(), drop(), ack() while it is open. */
class Socket {
  constructor(line) {
    this.line = line;
  }

  open(ticket) {
    const address = this.line.address("/live/ws", []);
    address.protocol = address.protocol.replace("http", "ws");
    this.socket = new WebSocket(address, ticket ? [PROTOCOL, `ticket.${ticket}`] : [PROTOCOL]); // in no log of addresses
    this.socket.onmessage = (event) => this.line.heard(this, JSON.parse(event.data));
    this.socket.onclose = (event) => this.line.ended(this, event.code);
  }

  start() {
    this.line.topics.forEach((known, topic) => this.ask(topic, known.version));
  }

  ask(topic, version) {
    this.say({ type: "subscribe", topic, after: version ? { version } : null });
  }

  drop(topic) {
    this.say({ type: "unsubscribe", topic });
  }

  ack(position) {
    this.say({ type: "ack", position, shown_at: new Date().toISOString() });
  }

  say(message) {
    if (this.socket.readyState === WebSocket.OPEN) {
      this.socket.send(JSON.stringify(message));
    }
  }

  close() {
    this.socket?.close();
  }
}

/* What both ways without a socket share: the topics stand in the address, so a change of them asks anew. */
class Asking {
  constructor(line) {
    this.line = line;
    this.from = new Map(); // topic → version to begin from, when it is not the one shown
  }

  start() {}

  ask(topic, version) {
    this.from.set(topic, version);
    this.soon();
  }

  drop() {
    this.soon();
  }

  soon() {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.restart();
    }, SOON_MS);
  }

  restart() {
    this.stop();
    this.line.pass().then((ticket) => this.line.isOf(this) && this.open(ticket));
  }

  topics() {
    const named = [...this.line.topics].map(([topic, known]) => {
      const version = this.from.get(topic) ?? known.version;
      return ["topic", version ? `${topic}@${version}` : topic];
    });
    this.from.clear();
    return named;
  }

  ack(position) {
    const body = JSON.stringify({ type: "ack", position, shown_at: new Date().toISOString() });
    const headers = { "Content-Type": "application/json", ...this.line.headers };
    fetch(this.line.address("/live/ack", []), { method: "POST", body, headers, keepalive: true }).catch(() => {});
  }

  close() {
    clearTimeout(this.timer);
    this.stop();
  }
}

class Events extends Asking {
  open(ticket) {
    this.ticket = ticket;
    this.begin();
  }

  begin() {
    const more = this.ticket ? [["ticket", this.ticket]] : [];
    this.ticket = null;
    this.source = new EventSource(this.line.address("/live/sse", [...this.topics(), ...more]));
    this.source.onmessage = (event) => {
      const message = JSON.parse(event.data);
      if (message.type === "closed") {
        this.stop();
        this.line.ended(this, message.code);
      } else {
        this.line.heard(this, message);
      }
    };
    this.source.onerror = () => {
      this.stop(); // it would come back by itself, but with a used ticket and old versions
      this.line.ended(this, 0);
    };
  }

  stop() {
    this.source?.close();
  }
}

class Poll extends Asking {
  open(ticket) {
    this.turn(ticket, "");
  }

  async turn(ticket, cursor) {
    const mine = (this.abort = new AbortController());
    const named = cursor ? this.topics().map(([key, name]) => [key, name.split("@")[0]]) : this.topics();
    const more = Object.entries({ ticket, after: cursor, wait: cursor ? POLL_SECONDS : "1" });
    const address = this.line.address("/live/poll", [...named, ...more.filter(([, value]) => value)]);
    const late = setTimeout(() => mine.abort("late"), (POLL_SECONDS + 10) * 1000);
    try {
      const answer = await fetch(address, { signal: mine.signal, headers: this.line.headers, cache: "no-store" });
      if (!answer.ok) {
        this.no(answer.status);
        return;
      }
      const told = await answer.json();
      this.line.heard(this, { type: "welcome" });
      told.frames.forEach((frame) => this.line.heard(this, frame));
      if (mine === this.abort && this.line.isOf(this)) {
        this.turn(await this.line.pass(), String(told.position));
      }
    } catch (error) {
      if (!mine.signal.aborted || mine.signal.reason === "late") {
        this.line.ended(this, 0);
      }
    } finally {
      clearTimeout(late);
    }
  }

  no(status) {
    if (status === 404) {
      this.line.topics.forEach((_known, topic) => this.line.heard(this, { type: "error", code: "not_found", topic }));
    }
    this.line.ended(this, { 401: REFUSED, 429: FULL }[status] ?? 0);
  }

  stop() {
    this.abort?.abort();
  }
}

const WAYS = { socket: Socket, events: Events, poll: Poll };

export class Line extends EventTarget {
  constructor({ url, ticket, headers = {}, ways, climb } = {}) {
    super();
    this.url = url ?? globalThis.location.origin;
    this.ticket = ticket;
    this.headers = headers;
    const possible = { socket: "WebSocket", events: "EventSource", poll: "fetch" };
    this.ways = ways ?? Object.keys(WAYS).filter((way) => possible[way] in globalThis);
    this.climb = climb ?? [10_000, 30_000, 60_000];
    this.topics = new Map(); // topic → {version, frame, lost, repeats}
    this.rung = 0; // which way is tried, or open
    this.failed = 0; // how often in a row it did not greet
    this.proven = new Set(); // ways that have worked
    this.tries = 0; // since a frame was heard
    this.heardAt = 0;
    this.climbs = 0;
    this.backAt = 0; // when a server that went asked us to come back
    this.isWanted = true;
    this.check = setInterval(() => this.#isSilent() && this.#cut(), 5_000);
    this.check.unref?.();
  }

  follow(topic, { version = 0, frame = () => {}, lost = () => {}, repeats = false } = {}) {
    this.topics.set(topic, { version, frame, lost, repeats });
    this.carrier?.ask(topic, version);
    this.#connect();
  }

  again(topic, version) {
    this.carrier?.ask(topic, version);
  }

  unfollow(topic) {
    if (this.topics.delete(topic)) {
      this.carrier?.drop(topic);
    }
  }

  shown(position) {
    this.carrier?.ack(position);
  }

  /* Something has changed outside (online again, the page is looked at): try now, from the best way on. */
  wake() {
    this.isWanted = true;
    this.tries = 0;
    if (this.#isSilent()) {
      this.#cut(); // a line that slept through its pings is none
    }
    if (!this.carrier && !this.opening) {
      clearTimeout(this.timer);
      this.timer = undefined;
      this.rung = this.failed = 0;
      this.#connect();
    }
  }

  /* The way that is open now, or nothing while reconnecting. */
  get by() {
    return this.carrier && this.ways[this.rung];
  }

  /* How long the server has said nothing; while a line is open it speaks at least each 20 s. */
  get silentMs() {
    return Date.now() - this.heardAt;
  }

  close() {
    this.isWanted = false;
    clearTimeout(this.timer);
    clearTimeout(this.climbing);
    this.opening?.close();
    const old = this.carrier;
    this.carrier = this.opening = undefined;
    old?.close();
  }

  /* What the ways ask their line. */
  address(path, query) {
    const address = new URL(path, this.url);
    query.forEach(([name, value]) => address.searchParams.append(name, value));
    return address;
  }

  async pass() {
    return this.ticket ? this.ticket() : null;
  }

  isOf(way) {
    return way === this.carrier || way === this.opening;
  }

  heard(way, message) {
    if (!this.isOf(way)) {
      return;
    }
    this.heardAt = Date.now();
    if (way === this.opening) {
      this.#greeted(way);
    }
    if (message.type === "reconnect") {
      const wait = Math.random() * message.within_ms;
      this.backAt = Date.now() + wait; // also when the server cuts the line before that
      this.timer ||= setTimeout(() => this.#cut(), wait);
    } else if (message.topic) {
      this.tries = 0;
      this.#take(message);
    } else if (message.at) {
      this.#tell("clock", { at: Date.parse(message.at) });
    }
    this.#tell("heard");
  }

  ended(way, code) {
    if (way === this.opening) {
      this.opening = undefined;
      clearTimeout(this.patience);
      this.#failed(way, code);
    } else if (way === this.carrier) {
      this.carrier = undefined;
      clearTimeout(this.climbing);
      this.#tell("state", { open: false, by: this.ways[this.rung] });
      this.#later(code);
    }
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  #connect() {
    if (this.isWanted && this.topics.size && !this.carrier && !this.opening && !this.timer) {
      this.#try(this.rung);
    }
  }

  async #try(rung) {
    const way = (this.opening = new WAYS[this.ways[rung]](this));
    way.rung = rung;
    this.patience = setTimeout(() => {
      way.close();
      this.ended(way, 0);
    }, OPEN_MS);
    try {
      const ticket = await this.pass();
      if (way === this.opening) {
        way.open(ticket);
      }
    } catch {
      this.ended(way, 0); // no ticket, or the address is none
    }
  }

  #greeted(way) {
    const old = this.carrier;
    clearTimeout(this.patience);
    this.opening = undefined;
    this.carrier = way;
    this.rung = way.rung;
    this.failed = 0;
    this.proven.add(way.rung);
    way.start();
    old?.close();
    this.#tell("state", { open: true, by: this.ways[this.rung] });
    this.#climbLater();
  }

  #failed(way, code) {
    if (this.carrier) {
      // climbing failed: the one below it next, and then the whole way again, later
      const next = way.rung + 1;
      if (next < this.rung) {
        this.#try(next);
      } else {
        this.#climbLater();
      }
      return;
    }
    this.failed += 1;
    const most = this.proven.has(way.rung) ? FAILURES_OF_PROVEN : FAILURES;
    if (this.failed >= most && globalThis.navigator?.onLine !== false) {
      this.failed = 0;
      this.rung = (this.rung + 1) % this.ways.length;
    }
    this.#later(code);
  }

  #climbLater() {
    clearTimeout(this.climbing);
    if (this.rung > 0) {
      const wait = this.climb[Math.min(this.climbs, this.climb.length - 1)];
      this.climbs += 1;
      this.climbing = setTimeout(() => this.carrier && !this.opening && this.#try(0), wait * (0.75 + Math.random() / 2));
    } else {
      this.climbs = 0;
    }
  }

  #later(code) {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (code === REFUSED) {
      this.isWanted = false;
      this.#tell("refused", { code });
    }
    if (!this.isWanted) {
      return;
    }
    const most = code === FULL ? LONGEST_WAIT_MS : Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.tries);
    this.tries += 1;
    const told = this.backAt - Date.now();
    this.backAt = 0;
    const wait = told > 0 ? told : most / 4 + Math.random() * most * 0.75; // cut by chance, or all come back at once
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.#connect();
    }, wait);
  }

  #isSilent() {
    return this.carrier && !(this.carrier instanceof Poll) && Date.now() - this.heardAt > SILENT_MS;
  }

  #cut() {
    const old = this.carrier;
    this.timer = undefined;
    if (old) {
      this.ended(old, 0);
      old.close();
    }
  }

  /* `version` counts within a stream; a frame of another stream on this topic has one that says nothing here. */
  #take(frame) {
    const known = this.topics.get(frame.topic);
    if (!known || frame.type === "resync") {
      return;
    }
    if (frame.type === "error") {
      this.topics.delete(frame.topic);
      known.lost(frame.code);
      return;
    }
    const isState = frame.type === "snapshot";
    const version = isState || frame.stream === frame.topic ? frame.version : 0;
    if (!isState && version && known.version && version > known.version + 1) {
      this.carrier?.ask(frame.topic, known.version); // something is missing: it comes, and then this frame again
      return;
    }
    const isNews = !version || version > known.version;
    known.version = Math.max(known.version, version);
    if (isNews || known.repeats) {
      known.frame(frame, isNews, version);
    }
  }
}
