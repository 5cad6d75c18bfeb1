/* A job's page only goes forward: an answer that is older than what the page shows is dropped. */
document.addEventListener("htmx:beforeSwap", (event) => {
  const shown = Number(event.detail.target?.dataset?.liveVersion ?? 0);
  const [, sent] = event.detail.xhr.responseText.match(/id="job"[^>]*data-live-version="(\d+)"/) ?? [];
  if (sent !== undefined && Number(sent) < shown) {
    event.detail.shouldSwap = false;
  }
});
