// The one way to make elements: what stations and people wrote only ever becomes text, never markup.

/**
 * @param {string} tag
 * @param {Record<string, string | number | boolean | null | undefined | ((event: Event) => unknown)>} props attributes; `on…` functions are listeners; false, null and undefined are left out.
 * @param {...unknown} children nodes, texts, numbers, or lists of them.
 */
export function h(tag, props = {}, ...children) {
  return made(document.createElement(tag), props, children);
}

/** The same of a picture's parts. */
export function svg(tag, props = {}, ...children) {
  return made(document.createElementNS("http://www.w3.org/2000/svg", tag), props, children);
}

function made(element, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === false || value === null || value === undefined) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : `${value}`);
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children) {
    if (Array.isArray(child)) append(element, child);
    else if (child instanceof Node) element.append(child);
    else if (child !== null && child !== undefined && child !== false)
      element.append(document.createTextNode(String(child)));
  }
}

/** Replaces what is inside. */
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

/** What the live events have nothing of is asked for again and again. @returns what ends that. */
export function refreshing(load, everyMs) {
  const refresh = async () => {
    try {
      await load();
    } catch (error) {
      toast(error.message);
    }
  };
  const timer = setInterval(() => void refresh(), everyMs);
  return () => clearInterval(timer);
}

let toastTimer;
export function toast(text) {
  const element = document.querySelector("#toast");
  element.textContent = text;
  element.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => (element.hidden = true), 6000);
}
