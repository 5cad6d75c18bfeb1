/*
 * What a page of the shop hears: `event(frame)` for each live event of its topics, `down(time)` when the line is lost,
 * `back(wasDown)` when it is there again. While there is no live line, `back` is called now and then: it fetches.
 */

const POLL_MS = 15_000;

export function listen(topics, hear) {
  let isDown = false;
  let isLive = false;
  document.addEventListener("lockstep:frame", (event) => {
    const frame = event.detail;
    if (!topics.includes(frame.topic)) {
      return;
    }
    if (frame.type === "snapshot") {
      hear.back(false);
    } else {
      hear.event(frame);
    }
  });
  const change = (state, time) => {
    const wasDown = isDown;
    isDown = state === "off";
    isLive = state === "live";
    if (isDown && !wasDown) {
      hear.down?.(time);
    } else if (!isDown && wasDown) {
      hear.back(true);
    }
  };
  const clock = () => new Date().toLocaleTimeString("en-GB");
  document.addEventListener("lockstep:fresh", (event) => change(event.detail.state, event.detail.time ?? clock()));
  addEventListener("offline", () => change("off", clock()));
  addEventListener("online", () => change("old", clock()));
  setInterval(() => !isLive && !isDown && !document.hidden && hear.back(false), POLL_MS);
}
