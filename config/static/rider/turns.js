/*
 * The list of jobs and the current job are fetched again when something changed, one request after the other.
 * A press goes first: an older answer never takes its form away, and what changed meanwhile is fetched after it.
 */
import { onArrival } from "lockstep/arrivals";

let owed = ""; // which of the two is to be fetched once more

onArrival("#jobs, #job", (root) => {
  const isPressed = () => root.querySelector("form.htmx-request") !== null;
  const isBusy = () => root.matches(".htmx-request") || isPressed();
  const pay = () => {
    if (owed === root.id && !isBusy()) {
      owed = "";
      root.dispatchEvent(new CustomEvent("lockstep:changed"));
    }
  };
  root.addEventListener("htmx:confirm", (event) => {
    if (event.detail.elt === root && isBusy()) {
      event.preventDefault();
      owed = root.id;
    }
  });
  root.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.requestConfig.elt === root && (isPressed() || !root.isConnected)) {
      event.detail.shouldSwap = false;
      owed = root.id;
    }
  });
  root.addEventListener("htmx:afterRequest", pay);
  pay();
});
