/* Short good news at the bottom: leaves by itself, waits while somebody points at it or stands in it. */
import { onArrival } from "lockstep/arrivals";

const STAY_MS = 6000;
const STAY_WITH_ACTION_MS = 10000;

function attach(element) {
  const stay = element.querySelector("button, a") ? STAY_WITH_ACTION_MS : STAY_MS;
  let timer = 0;
  const leave = () => {
    timer = setTimeout(() => element.remove(), stay);
  };
  const rest = () => clearTimeout(timer);
  element.addEventListener("pointerenter", rest);
  element.addEventListener("focusin", rest);
  element.addEventListener("pointerleave", leave);
  element.addEventListener("focusout", leave);
  leave();
}

/* Shows `text`; with `action` = {label, press} also a button, whose deed must exist elsewhere on the page too. */
export function toast(text, action = null) {
  const element = document.createElement("div");
  element.className = "toast";
  element.append(text);
  if (action) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn small";
    button.textContent = action.label;
    button.addEventListener("click", () => {
      element.remove();
      action.press();
    });
    element.append(button);
  }
  document.getElementById("toasts").append(element);
  attach(element);
  return element;
}

onArrival("[data-toast]", attach);
document.addEventListener("toast", (event) => toast(event.detail.value ?? event.detail));
