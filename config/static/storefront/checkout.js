/* [data-position]: with the person's leave, the browser's position goes into the hidden fields beside the address. */
import { onArrival } from "lockstep/arrivals";

const WAIT_MS = 10_000;

onArrival("[data-position]", (box) => {
  if (!navigator.geolocation || !isSecureContext) {
    return;
  }
  box.hidden = false;
  const button = box.querySelector("[data-position-ask]");
  const says = box.querySelector("[role=status]");
  const { form } = button;
  button.addEventListener("click", () => {
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        form.elements.lat.value = coords.latitude.toFixed(6);
        form.elements.lng.value = coords.longitude.toFixed(6);
        says.textContent = button.dataset.found;
      },
      () => {
        says.textContent = button.dataset.refused;
      },
      { enableHighAccuracy: true, timeout: WAIT_MS },
    );
  });
});
