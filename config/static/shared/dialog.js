/*
 * Native dialogs. [data-dialog-open="id"] opens the dialog of that id; [data-dialog-load] fetches the page of its
 * link and shows that page's [data-dialog-content]. Without script both are plain links to a page of their own.
 */

let opener = null;

function show(dialog, from) {
  opener = from;
  dialog.showModal();
  const first = dialog.querySelector("[data-dialog-safe]") ?? dialog.querySelector("input:not([type=hidden]), select, textarea");
  first?.focus();
}

async function load(link) {
  const answer = await fetch(link.href, { headers: { "X-Requested-With": "dialog" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const content = page.querySelector("[data-dialog-content]");
  if (!answer.ok || !content) {
    location.assign(link.href); // that page can say it better
    return;
  }
  const dialog = document.createElement("dialog");
  dialog.className = "dialog";
  const heading = content.querySelector("h1, h2");
  if (heading) {
    heading.id ||= `dialog-${Date.now()}`;
    dialog.setAttribute("aria-labelledby", heading.id);
  }
  dialog.append(...content.childNodes);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  globalThis.htmx?.process(dialog);
  show(dialog, link);
}

document.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) {
    return; // a link opened in another tab stays a link
  }
  const open = event.target.closest("[data-dialog-open]");
  const dialog = open && document.getElementById(open.dataset.dialogOpen);
  if (dialog) {
    event.preventDefault();
    show(dialog, open);
    return;
  }
  const link = event.target.closest("a[data-dialog-load]");
  if (link) {
    event.preventDefault();
    load(link).catch(() => location.assign(link.href));
    return;
  }
  const close = event.target.closest("[data-dialog-close]");
  if (close?.closest("dialog")) {
    event.preventDefault();
    close.closest("dialog").close();
  }
});

/* A press beside the dialog keeps things as they are, like Esc, unless something was typed. */
document.addEventListener("pointerdown", (event) => {
  const dialog = event.target;
  if (!(dialog instanceof HTMLDialogElement) || !dialog.open) {
    return;
  }
  const box = dialog.getBoundingClientRect();
  const outside =
    event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom;
  const typed = [...dialog.querySelectorAll("textarea, input")].some((field) => field.value !== field.defaultValue);
  if (outside && !typed) {
    dialog.close();
  }
});

/* The browser returns the focus by itself; this helps where the opener was swapped away and came back. */
document.addEventListener(
  "close",
  () => {
    if (opener && !opener.isConnected && opener.id) {
      document.getElementById(opener.id)?.focus();
    }
    opener = null;
  },
  true,
);
