/*
 * [data-voice] is the page's one live region. It speaks what fragments show in [data-say], and only what they did not
 * show before: the next step, a cancellation, a job that went elsewhere.
 */
const voice = document.querySelector("[data-voice]");

function sentences() {
  return [...document.querySelectorAll("[data-say]:not([data-countdown])")].map((element) => element.dataset.say);
}

if (voice) {
  let said = new Set(sentences());
  document.addEventListener("htmx:afterSettle", () => {
    const now = sentences();
    const fresh = now.filter((sentence) => !said.has(sentence));
    said = new Set(now);
    if (fresh.length) {
      voice.textContent = fresh.join(" ");
    }
  });
}
