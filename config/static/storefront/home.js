/* The home page, live: a shop that closes or opens says so where it stands; the list is sorted anew at the next visit. */

const SHUT = ["shop.closed", "shop.paused"];

document.addEventListener("live:frame", ({ target, detail: { type } }) => {
  if (!target.matches(".shop") || !(SHUT.includes(type) || type === "shop.opened")) {
    return;
  }
  const isShut = SHUT.includes(type);
  target.classList.toggle("shut", isShut);
  target.querySelector(".badge")?.remove();
  if (isShut) {
    target.querySelector(".text").append(document.getElementById("badge-shut").content.cloneNode(true));
  }
});
