/*
 * Checks the proof on a receipt: every step's entry leads to the signed root (RFC 6962), the note is signed (Ed25519).
 * #proof[data-url] names the proof; its parts say in data-when in which states they are shown. It shares nothing with
 * the server but the page: what it shows, it has computed.
 */
const AGAIN_MS = 3_000;
const TRIES = 10; // until the log is signed over a new order

const proof = document.querySelector("#proof");
const bytes = (text) => new TextEncoder().encode(text);
const unhex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const unbase = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const hex = (value) => Array.from(value, (byte) => byte.toString(16).padStart(2, "0")).join("");
const short = (value) => `${hex(value).slice(0, 4)}…${hex(value).slice(-4)}`;

async function sha(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", whole));
}

async function climb(leaf, index, size, path) {
  let value = leaf;
  let last = size - 1;
  for (const neighbour of path.map(unhex)) {
    if (last === 0) {
      return new Uint8Array();
    }
    if (index % 2 || index === last) {
      value = await sha(Uint8Array.of(1), neighbour, value);
      while (index % 2 === 0 && index) {
        index = Math.floor(index / 2);
        last = Math.floor(last / 2);
      }
    } else {
      value = await sha(Uint8Array.of(1), value, neighbour);
    }
    index = Math.floor(index / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 ? value : new Uint8Array();
}

/* {origin, size, root, isSigned: true, false, or null when this browser cannot tell} */
async function openNote(note, key) {
  const [name, id, spelled] = [key.split("+")[0], key.split("+")[1], key.split("+").slice(2).join("+")];
  const publicKey = unbase(spelled);
  const [text, signatures] = note.split("\n\n");
  const [origin, size, root] = text.split("\n");
  const line = signatures.split("\n").find((one) => one.startsWith(`— ${name} `)) ?? "";
  const signed = line ? unbase(line.split(" ").at(-1)) : new Uint8Array(4);
  const ownId = (await sha(bytes(`${name}\n`), publicKey)).slice(0, 4);
  let isSigned = origin === name && hex(signed.slice(0, 4)) === id && hex(ownId) === id;
  if (isSigned) {
    try {
      const known = await crypto.subtle.importKey("raw", publicKey.slice(1), { name: "Ed25519" }, false, ["verify"]);
      isSigned = await crypto.subtle.verify("Ed25519", known, signed.slice(4), bytes(`${text}\n`));
    } catch {
      isSigned = null;
    }
  }
  return { name, id, size: Number(size), root: unbase(root), isSigned };
}

async function check(told) {
  const note = await openNote(told.note, told.key);
  let why = note.isSigned === false ? "signature" : "";
  let leaf = new Uint8Array();
  let wanted = 1;
  for (const entry of told.entries) {
    const says = JSON.parse(entry.leaf);
    leaf = await sha(Uint8Array.of(0), bytes(entry.leaf));
    const root = await climb(leaf, entry.index, note.size, entry.path);
    if (says.stream !== proof.dataset.stream || says.version !== wanted || says.position !== entry.index + 1) {
      why ||= `entry ${says.position}`;
    } else if (hex(root) !== hex(note.root)) {
      why ||= `position ${says.position}`;
    }
    wanted += 1;
  }
  return { note, leaf, why };
}

function show(state) {
  proof.dataset.state = state;
  for (const part of proof.querySelectorAll("[data-when]")) {
    part.hidden = !part.dataset.when.split(" ").includes(state);
  }
}

function write(told, { note, leaf, why }) {
  const figures = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  const zone = { ...figures, timeZone: proof.dataset.zone };
  const time = new Intl.DateTimeFormat("en-GB", zone).format(new Date(told.at));
  const positions = told.entries.map((entry) => (entry.index + 1).toLocaleString("en"));
  const path = told.entries.at(-1).path.length;
  const say = proof.querySelector("[data-say]");
  const facts = { first: positions[0], last: positions.at(-1), n: path, time };
  say.textContent = say.dataset.say.replace(/\{(\w+)\}/g, (_all, name) => facts[name]);
  const led = proof.querySelector("[data-say-path]");
  led.textContent = led.dataset.sayPath.replace("{n}", path);
  proof.querySelector("[data-leaf]").textContent = short(leaf);
  proof.querySelector("[data-root]").textContent = short(note.root);
  proof.querySelector("[data-signed]").textContent = time;
  proof.querySelector("[data-key]").textContent = `${note.name}+${note.id}`;
  proof.querySelector("[data-note]").textContent = told.note;
  proof.querySelector("[data-why]").textContent = why;
}

async function run(tries) {
  let answer;
  try {
    answer = await fetch(proof.dataset.url, { cache: "no-store" });
  } catch {
    show("away");
    return;
  }
  const told = answer.status === 200 ? await answer.json() : null;
  if (!told || told.entries.length < Number(proof.dataset.version)) {
    show("waiting");
    if (tries > 1) {
      setTimeout(() => run(tries - 1), AGAIN_MS);
      return;
    }
  }
  if (!told) {
    show("away");
    return;
  }
  try {
    const found = await check(told);
    write(told, found);
    show(found.why ? "wrong" : found.note.isSigned === null ? "half" : "ok");
  } catch (error) {
    show("wrong");
    proof.querySelector("[data-why]").textContent = String(error);
  }
}

proof.querySelector("[data-check]").hidden = false;
proof.querySelector("[data-check]").addEventListener("click", () => run(1));
document.querySelector("[data-print]").hidden = false;
document.querySelector("[data-print]").addEventListener("click", () => print());
run(TRIES);
