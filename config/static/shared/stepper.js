/* [data-stepper]: minus and plus around a number, between data-least and data-most; the hidden input changes too. */

function limits(stepper) {
  return [Number(stepper.dataset.least ?? 1), Number(stepper.dataset.most ?? 99)];
}

function show(stepper, value) {
  const [least, most] = limits(stepper);
  const output = stepper.querySelector("output");
  const input = stepper.querySelector("input");
  output.textContent = value;
  if (input) {
    input.value = value;
  }
  for (const button of stepper.querySelectorAll("[data-step]")) {
    const next = value + Number(button.dataset.step);
    button.disabled = next < least || next > most;
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-step]");
  const stepper = button?.closest("[data-stepper]");
  if (!stepper) {
    return;
  }
  event.preventDefault();
  const [least, most] = limits(stepper);
  const wanted = Number(stepper.querySelector("output").textContent) + Number(button.dataset.step);
  show(stepper, Math.min(most, Math.max(least, wanted)));
  stepper.querySelector("input")?.dispatchEvent(new Event("change", { bubbles: true }));
});
