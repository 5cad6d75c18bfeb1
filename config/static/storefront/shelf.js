/*
 * The menu, live: what sold out greys and can no longer be added, what is nearly gone says how many are left, a
 * new price is fetched, a closing shop says so. The cart keeps what it holds and shows what left it.
 */
import { toast } from "lockstep/toast";

const page = document.querySelector("[data-shop]");
const words = page.dataset;
const shut = document.getElementById("shut");

function badge(card, { soldOut, left }) {
  card.querySelector(".foot .badge")?.remove();
  const low = left !== null && left !== undefined && left > 0 && left <= Number(words.low);
  const shape = soldOut ? "badge-gone" : low ? "badge-low" : "";
  if (shape) {
    const fresh = document.getElementById(shape).content.cloneNode(true);
    const text = fresh.querySelector("span > span");
    text.textContent = text.textContent.replace("{n}", left);
    card.querySelector(".foot .price").after(fresh);
  }
}

function stock(id, about) {
  const card = document.getElementById(id);
  if (!card) {
    return;
  }
  const was = card.classList.contains("gone");
  card.classList.toggle("gone", about.soldOut);
  badge(card, about);
  for (const control of card.querySelectorAll("[data-buy]")) {
    control.hidden = about.soldOut;
  }
  if (about.soldOut !== was && card.querySelector(".stepper")) {
    if (about.soldOut) {
      toast(words.wordLeft.replace("{item}", card.querySelector("h3").textContent));
    }
    globalThis.htmx?.ajax("GET", words.cart, { swap: "none" });
  }
}

function fetchAgain(id) {
  const card = document.getElementById(id);
  if (card) {
    globalThis.htmx?.ajax("GET", words.card.replace("prd_x", id), { target: card, swap: "outerHTML" });
  }
}

page.addEventListener("live:frame", ({ target, detail: { type, data } }) => {
  if (target !== page) {
    return;
  }
  if (data.open === false || type === "shop.paused") {
    shut.hidden = false;
  } else if (type === "shop.opened") {
    shut.hidden = true; // a snapshot knows the switch only, not the opening hours
  }
  for (const [id, about] of Object.entries(data.products ?? {})) {
    stock(id, about);
  }
  if (data.product && "soldOut" in data) {
    stock(data.product, data);
  } else if (data.product) {
    fetchAgain(data.product);
  }
});
