/* The menu: a choice that went into the cart closes its dialog; the section one looks at is marked in the list. */
import { onArrival } from "lockstep/arrivals";

document.addEventListener("lockstep:cart", () => {
  for (const dialog of document.querySelectorAll("dialog[open]")) {
    dialog.close();
  }
});

function mark(section) {
  for (const link of document.querySelectorAll('a[href^="#aisle-"]')) {
    if (link.hash === `#${section.id}`) {
      link.setAttribute("aria-current", "true");
    } else {
      link.removeAttribute("aria-current");
    }
  }
}

const watcher = new IntersectionObserver(
  (entries) => {
    const seen = entries.find((entry) => entry.isIntersecting);
    if (seen) {
      mark(seen.target);
    }
  },
  { rootMargin: "-15% 0px -70% 0px" },
);
onArrival('h2[id^="aisle-"]', (heading) => watcher.observe(heading));
