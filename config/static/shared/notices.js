/* What htmx cannot show by itself: no answer at all, an answer that is no fragment, and a session that ended. */

const SIGN_IN = "/account/signin";

function unanswered() {
  const banner = document.getElementById("unanswered")?.content.cloneNode(true);
  if (banner) {
    document.getElementById("notices").replaceChildren(banner);
  }
}

document.addEventListener("htmx:sendError", unanswered);
document.addEventListener("htmx:timeout", unanswered);
document.addEventListener("htmx:responseError", (event) => {
  const { status } = event.detail.xhr;
  if (status === 404 || status >= 500) {
    unanswered();
  }
});
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.requestConfig.verb !== "get") {
    document.getElementById("notices").replaceChildren(); // the last refusal was about the last press
  }
});
document.addEventListener("htmx:beforeSwap", (event) => {
  const address = event.detail.xhr.responseURL;
  if (address && new URL(address).pathname.startsWith(SIGN_IN)) {
    event.detail.shouldSwap = false;
    location.assign(address); // a whole page, not a fragment
  }
});
