/*
 * The X-ray follows its order: when it moves, verdict, events, facts and buttons are fetched anew; what is being
 * typed stays, and an open dialog keeps the version at which it was opened, so a moved order refuses it.
 */

const page = document.querySelector("[data-order]");
const PARTS = ["#version", "#verdict", "#events", "#facts", "#verbs", "#hands"];

async function catchUp() {
  if (document.querySelector("dialog[open]")) {
    return;
  }
  const answer = await fetch(`${page.dataset.page}?seen=${page.dataset.version}`, { headers: { "X-Requested-With": "xray" } });
  if (answer.status !== 200) {
    return;
  }
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of PARTS) {
    const now = document.querySelector(part);
    const then = fresh.querySelector(part);
    if (now && then) {
      now.replaceWith(document.adoptNode(then));
    }
  }
  page.dataset.version = fresh.querySelector("[data-order]").dataset.version;
  for (const dialog of document.querySelectorAll("dialog.dialog[id]")) {
    const then = fresh.getElementById(dialog.id);
    if (then) {
      dialog.replaceWith(document.adoptNode(then));
    } else {
      dialog.remove();
    }
  }
}

for (const dialog of document.querySelectorAll("dialog[open]")) {
  dialog.close(); // the server opened it in the page's flow, for browsers without script
  dialog.showModal();
}

let asked = 0;
page.addEventListener("lockstep:changed", () => {
  clearTimeout(asked); // several events of one transaction are one look
  asked = setTimeout(() => catchUp().catch(() => {}), 60);
});
setInterval(() => {
  const pill = document.querySelector("[data-fresh]");
  if (pill?.dataset.fresh !== "live") {
    catchUp().catch(() => {}); // no line: look again now and then
  }
}, 10_000);
