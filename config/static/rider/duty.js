/* form[data-duty]: the switch in the bar takes effect at once; without script a button beside it does. */
import { onArrival } from "lockstep/arrivals";

onArrival("form[data-duty]", (form) => {
  form.addEventListener("change", () => form.requestSubmit());
});
