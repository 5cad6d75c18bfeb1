/* [data-copy] copies its text, [data-copy-from] the text of another element, and says so to everybody. */
import { toast } from "lockstep/toast";

const RESTING_MS = 2000;

async function put(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // no permission, or not a secure page: the text stays selectable by hand
  }
}

function select(source) {
  const range = document.createRange();
  range.selectNodeContents(source);
  getSelection().removeAllRanges();
  getSelection().addRange(range);
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy], [data-copy-from]");
  if (!button) {
    return;
  }
  const source = document.getElementById(button.dataset.copyFrom ?? "");
  const done = await put(button.dataset.copy ?? source?.textContent.trim() ?? "");
  if (!done) {
    if (source) {
      select(source);
    }
    return;
  }
  if (button.dataset.copied) {
    toast(button.dataset.copied);
  }
  button.classList.add("done");
  setTimeout(() => button.classList.remove("done"), RESTING_MS);
});
