// Tabs: one panel at a time; the arrow keys go from tab to tab.

/** @param {HTMLElement} list */
export function startTabs(list) {
  /** @type {HTMLElement[]} */
  const tabs = [...list.querySelectorAll("[role=tab]")].map((tab) => /** @type {HTMLElement} */ (tab));
  const choose = (/** @type {HTMLElement} */ chosen) => {
    for (const tab of tabs) {
      const isChosen = tab === chosen;
      tab.setAttribute("aria-selected", String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
      const panel = document.getElementById(tab.getAttribute("aria-controls") ?? "");
      if (panel) panel.hidden = !isChosen;
    }
  };
  for (const tab of tabs) tab.addEventListener("click", () => choose(tab));
  list.addEventListener("keydown", (event) => {
    const place = tabs.indexOf(/** @type {HTMLElement} */ (event.target));
    const steps = { ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0, End: -1 };
    if (place < 0 || !(event.key in steps)) return;
    event.preventDefault();
    const next = tabs.at(steps[/** @type {keyof typeof steps} */ (event.key)] % tabs.length);
    if (!next) return;
    choose(next);
    next.focus();
  });
}
