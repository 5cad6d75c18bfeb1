/*
 * The bell of the board: two tones, again and again until somebody touches the screen. The browser lets it ring
 * only after one touch: `lockstep:silent` says that it could not, `lockstep:audible` that from now on it can.
 */

const KEPT = "lockstep.sound";
const EVERY_MS = 3500;
const TONES = [
  [880, 0],
  [1174.7, 0.18],
]; // hertz, seconds after the start

let context = null;
let timer = 0;

export function isOn() {
  return localStorage.getItem(KEPT) !== "off";
}

export function turn(on) {
  localStorage.setItem(KEPT, on ? "on" : "off");
  if (!on) {
    hush();
  }
}

/* Call it from a touch: only then may a page make sound. */
export async function allow() {
  context ??= new AudioContext();
  await context.resume();
  return context.state === "running";
}

function strike() {
  for (const [hertz, after] of TONES) {
    const tone = context.createOscillator();
    const volume = context.createGain();
    const start = context.currentTime + after;
    tone.frequency.value = hertz;
    volume.gain.setValueAtTime(0.0001, start);
    volume.gain.exponentialRampToValueAtTime(0.4, start + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, start + 0.5);
    tone.connect(volume).connect(context.destination);
    tone.start(start);
    tone.stop(start + 0.55);
  }
}

export function ring() {
  if (!isOn() || timer) {
    return;
  }
  if (context?.state !== "running") {
    document.dispatchEvent(new CustomEvent("lockstep:silent"));
    return;
  }
  strike();
  timer = setInterval(strike, EVERY_MS);
}

export function hush() {
  clearInterval(timer);
  timer = 0;
}

for (const type of ["pointerdown", "keydown"]) {
  document.addEventListener(type, hush);
}
/* Not before the finger is off: the note that goes away then would move what is being pressed. */
for (const type of ["pointerup", "keyup"]) {
  document.addEventListener(type, () => {
    if (isOn() && context?.state !== "running") {
      allow().then((may) => may && document.dispatchEvent(new CustomEvent("lockstep:audible")));
    }
  });
}
