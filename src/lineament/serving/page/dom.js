// Small pieces of the page: elements, icons and seconds.

/**
 * Find an element that the page has for certain.
 * @param {string} id
 * @returns {any}
 */
export function find(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

/**
 * Make an element. Properties are set as properties, `data` and `aria` as attributes; text is
 * always text, never markup.
 * @param {string} tag
 * @param {Record<string, any>} [properties]
 * @param {...(Node | string | null | undefined)} children
 * @returns {any}
 */
export function make(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "data") Object.assign(made.dataset, value);
    else if (name === "aria") {
      for (const [key, said] of Object.entries(value)) made.setAttribute(`aria-${key}`, String(said));
    } else if (name === "role") made.setAttribute("role", value);
    else made[name] = value;
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/**
 * Make one of the icons of `icon.svg`; it says nothing to a screen reader.
 * @param {string} name
 * @returns {SVGSVGElement}
 */
export function makeIcon(name) {
  const space = "http://www.w3.org/2000/svg";
  const icon = document.createElementNS(space, "svg");
  const use = document.createElementNS(space, "use");
  icon.setAttribute("class", "icon");
  icon.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `page/icon.svg#${name}`);
  icon.append(use);
  return icon;
}

/**
 * Change the icon within a button.
 * @param {Element} button
 * @param {string} name
 */
export function changeIcon(button, name) {
  button.querySelector("use")?.setAttribute("href", `page/icon.svg#${name}`);
}

/**
 * Say an error where it belongs, with a button that tries again; nothing hides it.
 * @param {HTMLElement} place
 * @param {string} text
 * @param {() => void} [again]
 */
export function showError(place, text, again) {
  place.hidden = !text;
  place.replaceChildren();
  if (!text) return;
  place.append(make("p", {}, text));
  if (again) {
    const button = make("button", { type: "button", className: "plain" }, "Try again");
    button.addEventListener("click", again);
    place.append(button);
  }
}
