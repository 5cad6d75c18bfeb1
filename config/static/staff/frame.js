/* Unfold keeps its theme as a class, ours is an attribute: one choice, both follow. Loaded in unfold's pages, not a module. */
(() => {
  const root = document.documentElement;
  const device = matchMedia("(prefers-color-scheme: dark)");
  const chosen = document.cookie.match(/(?:^|; )theme=(light|dark)/)?.[1];
  if (chosen) {
    root.dataset.theme = chosen;
  }
  const follow = () => {
    const theme = root.dataset.theme || (device.matches ? "dark" : "light");
    root.classList.toggle("dark", theme === "dark");
    root.classList.toggle("light", theme === "light");
  };
  follow();
  device.addEventListener("change", follow);
  new MutationObserver(follow).observe(root, { attributes: true, attributeFilter: ["data-theme"] });
})();
