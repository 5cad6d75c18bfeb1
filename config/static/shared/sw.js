/* The service worker of the whole address: shows a push as a notice, and opens its page when it is pressed. */

const WORDLESS = { title: "Lockstep", body: "", path: "/orders/", tag: "lockstep", lang: "en" };

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

self.addEventListener("push", (event) => {
  const said = read(event.data);
  const shown = self.registration.showNotification(String(said.title), {
    body: String(said.body),
    lang: said.lang === "zh-hans" ? "zh-Hans" : "en",
    tag: String(said.tag), // newer news of the same order takes the place of the older
    renotify: true,
    icon: "/static/shared/mark.svg",
    data: { url: address(said.path) },
  });
  event.waitUntil(shown);
});

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
