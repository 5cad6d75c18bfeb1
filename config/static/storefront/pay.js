/* The pay page: goes on by itself once it is paid, and lets “I have paid” rest with a count on the button. */
import { onArrival } from "lockstep/arrivals";

const GO_AFTER = 1000;

onArrival("[data-go]", (element) => {
  setTimeout(() => element.isConnected && location.assign(element.dataset.go), GO_AFTER);
});

onArrival("[data-rest]", (button) => {
  const words = button.textContent.trim();
  const until = Date.now() + Number(button.dataset.rest) * 1000;
  button.disabled = true;
  const timer = setInterval(show, 250);

  function show() {
    const left = Math.ceil((until - Date.now()) / 1000);
    if (left > 0 && button.isConnected) {
      button.textContent = button.dataset.restSay.replace("{n}", left);
      return;
    }
    clearInterval(timer);
    button.disabled = false;
    button.textContent = words;
  }
  show();
});
