/* form[data-accept]: the button says the minutes that are chosen beside it. */
import { onArrival } from "lockstep/arrivals";

onArrival("form[data-accept]", (form) => {
  const words = form.querySelector("[data-accept-words]");
  const say = () => {
    const minutes = form.querySelector("input[name=minutes]:checked")?.value;
    if (minutes) {
      words.textContent = words.dataset.acceptWords.replace("{n}", minutes);
    }
  };
  form.addEventListener("change", say);
  say();
});
