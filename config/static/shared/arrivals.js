/* Calls back for every element that matches a selector, now and after each htmx swap. */

export function onArrival(selector, attach) {
  const visit = (root) => {
    if (root instanceof Element && root.matches(selector)) {
      attach(root);
    }
    for (const element of root.querySelectorAll(selector)) {
      attach(element);
    }
  };
  visit(document);
  document.addEventListener("htmx:load", (event) => visit(event.detail.elt));
}
