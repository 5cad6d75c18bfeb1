/* The products page, live: an event about a good fetches its row; a tap on the switch can be undone for a while. */
import { setDown } from "lockstep/merchant/line";
import { listen } from "lockstep/merchant/wire";
import { toast } from "lockstep/toast";

const list = document.querySelector("[data-products]");
const due = new Set();
let timer = 0;

function refresh(product) {
  const row = document.getElementById(`p-${product}`);
  if (row && !row.contains(document.querySelector(":active"))) {
    const address = list.dataset.rowAddress.replace("/prd/", `/${product}/`);
    globalThis.htmx?.ajax("GET", address, { target: row, swap: "outerHTML" });
  }
}

/* Orders change several goods at once: wait a moment, then ask once for each. */
function soon(products) {
  products.forEach((product) => due.add(product));
  clearTimeout(timer);
  timer = setTimeout(() => {
    due.forEach(refresh);
    due.clear();
  }, 500);
}

listen(list.dataset.topics.split(" "), {
  event(frame) {
    if (frame.data?.product) {
      soon([frame.data.product]);
    }
  },
  down: () => setDown(true),
  back() {
    setDown(false);
    globalThis.htmx?.ajax("GET", location.href, { target: "#products", swap: "outerHTML" });
  },
});

document.addEventListener("lockstep:sale", (event) => {
  const { text, label, row } = event.detail;
  toast(text, {
    label,
    press() {
      document.querySelector(`#${CSS.escape(row)} .switch input`)?.click();
    },
  });
});
