/* Light, dark, or as the device says: remembered in a cookie, so that the server's next page is right at once. */

const YEAR_SECONDS = 31_536_000;

function choose(theme) {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  const keep = theme ? YEAR_SECONDS : 0;
  document.cookie = `theme=${theme}; Path=/; Max-Age=${keep}; SameSite=Lax${secure}`;
  if (theme) {
    document.documentElement.dataset.theme = theme;
  } else {
    delete document.documentElement.dataset.theme;
  }
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === theme));
  }
}

for (const group of document.querySelectorAll("[data-theme-switch]")) {
  group.hidden = false;
}
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-theme-choice]");
  if (button) {
    choose(button.dataset.themeChoice);
  }
});
