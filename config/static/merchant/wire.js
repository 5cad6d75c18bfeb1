/*
 * What a page of the shop hears of its topics: `event(frame)` for each event, `state(frame)` for a snapshot,
 * `down(time)` when the line is lost, `back()` when it is there again. Before there is a line, `poll` asks now and then.
 */
import { follow } from "lockstep/live";
import { state } from "lockstep/fresh";

const POLL_MS = 15_000;

export function listen(topics, hear) {
  let isDown = false;
  document.addEventListener("lockstep:frame", (event) => {
    const frame = event.detail;
    if (topics.includes(frame.topic)) {
      (frame.type === "snapshot" ? hear.state : hear.event)?.(frame);
    }
  });
  document.addEventListener("lockstep:fresh", (event) => {
    const wasDown = isDown;
    isDown = event.detail.state === "off";
    if (isDown && !wasDown) {
      hear.down?.(event.detail.time);
    } else if (wasDown && event.detail.state === "live") {
      hear.back?.();
    }
    isDown = wasDown && event.detail.state !== "live" ? true : isDown; // rest until the line is really there
  });
  topics.forEach(follow);
  setInterval(() => state() === "old" && !document.hidden && hear.poll?.(), POLL_MS);
}
