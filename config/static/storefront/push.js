/* [data-push]: turns pushes on for this browser, asks for permission only when pressed, and turns them off again. */

const box = document.querySelector("[data-push]");

function says(word) {
  box.querySelector("[data-push-says]").textContent = box.querySelector(`[data-push-word="${word}"]`).content.textContent;
  box.querySelector("[data-push-on]").hidden = word === "on" || word === "denied";
  box.querySelector("[data-push-off]").hidden = word !== "on";
  box.hidden = false;
}

function bytes(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

async function tell(address, facts) {
  const answer = await fetch(address, {
    method: "POST",
    headers: { "X-CSRFToken": box.dataset.token },
    body: new URLSearchParams(facts),
    redirect: "error",
  });
  if (!answer.ok) {
    throw new Error(`not kept: ${answer.status}`);
  }
}

async function subscription() {
  const registration = await navigator.serviceWorker.getRegistration("/");
  return (await registration?.pushManager.getSubscription()) ?? null;
}

async function turnOn() {
  if ((await Notification.requestPermission()) !== "granted") {
    says(Notification.permission === "denied" ? "denied" : "ready");
    return;
  }
  await navigator.serviceWorker.register(box.dataset.worker, { scope: "/", type: "module" });
  const registration = await navigator.serviceWorker.ready;
  const wanted = { userVisibleOnly: true, applicationServerKey: bytes(box.dataset.push) };
  const made = (await subscription()) ?? (await registration.pushManager.subscribe(wanted));
  const { endpoint, keys } = made.toJSON();
  await tell(box.dataset.on, { endpoint, p256dh: keys.p256dh, auth: keys.auth });
  says("on");
}

async function turnOff() {
  const made = await subscription();
  if (made) {
    await tell(box.dataset.off, { endpoint: made.endpoint });
    await made.unsubscribe();
  }
  says("ready");
}

function onPress(selector, work) {
  const button = box.querySelector(selector);
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await work();
    } catch (error) {
      console.warn("push:", error.message);
      says("failed");
    } finally {
      button.disabled = false;
    }
  });
}

async function begin() {
  if (Notification.permission === "denied") {
    says("denied");
  } else {
    says("isOn" in box.dataset && (await subscription()) ? "on" : "ready"); // the server knows whose it is
  }
}

if (box && "serviceWorker" in navigator && "PushManager" in window && "Notification" in window) {
  onPress("[data-push-on]", turnOn);
  onPress("[data-push-off]", turnOff);
  begin();
}
