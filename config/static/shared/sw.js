/* The service worker of the whole address: shows a push as a notice, and opens its page when it is pressed. */

const ICON = "/static/shared/mark.svg";
const WORDLESS = { title: "Lockstep", body: "", path: "/orders/", tag: "lockstep", lang: "en", position: 0 };

/* What was pushed; a message that cannot be read is still shown, or the browser shows one of its own. */
function read(data) {
  try {
    return { ...WORDLESS, ...data.json() };
  } catch {
    return WORDLESS;
  }
}

/* Only pages of ours are opened, whatever the message says. */
function address(path) {
  const url = new URL(String(path), self.location.origin);
  return url.origin === self.location.origin ? url.href : `${self.location.origin}/`;
}

self.addEventListener("install", () => self.skipWaiting());

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

let showing = Promise.resolve(); // one after the other: of two that come at once the older must not win

self.addEventListener("push", (event) => {
  const shown = showing.then(() => show(read(event.data)));
  showing = shown.catch(() => {}); // one that fails holds up no other
  event.waitUntil(shown);
});

/* Newer news of the same order takes the place of the older; older news that comes late shows the newer again. */
async function show(said) {
  const tag = String(said.tag);
  const [there] = await self.registration.getNotifications({ tag });
  const isLate = there !== undefined && there.data.position > said.position;
  const { title, body, lang, data } = isLate ? there : noticeOf(said);
  await self.registration.showNotification(title, { body, lang, tag, data, renotify: !isLate, icon: ICON });
}

function noticeOf({ title, body, lang, path, position }) {
  const data = { url: address(path), position: Number(position) || 0 };
  return { title: String(title), body: String(body), lang: lang === "zh-hans" ? "zh-Hans" : "en", data };
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data?.url ?? self.location.origin));
});

/* The window that shows this page already comes forward; else a new one opens. */
async function open(url) {
  const windows = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const there = windows.find((one) => one.url.split("#")[0] === url);
  return there ? there.focus() : self.clients.openWindow(url);
}
