// REST and live events, with the cookie that signing in set.

export class ApiError extends Error {
  constructor(status, problem) {
    super(problem?.detail ?? `The answer was ${status}.`);
    this.status = status;
    this.path = problem?.path;
  }
}

async function call(method, path, body) {
  const options = { method, headers: {} };
  if (body !== undefined) {
    options.headers["content-type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new ApiError(0, { detail: "wattlog does not answer. Is it still running?" });
  }
  if (response.status === 401) {
    location.assign("/sign-in");
    throw new ApiError(401, { detail: "Please sign in." });
  }
  const json = /json/.test(response.headers.get("content-type") ?? "") ? await response.json() : undefined;
  if (!response.ok) throw new ApiError(response.status, json);
  return json;
}

export const get = (path) => call("GET", path);
export const post = (path, body) => call("POST", path, body);
export const patch = (path, body) => call("PATCH", path, body);

export function query(path, params) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) if (value !== undefined && value !== "") search.set(name, value);
  return search.size > 0 ? `${path}?${search}` : path;
}

let source;

/** One stream at a time; a page's handlers replace those of the page before. */
export function watch(handlers, station) {
  unwatch();
  const live = document.querySelector("#live");
  const show = (text, state) => {
    live.textContent = text;
    live.dataset.state = state;
  };
  show("connecting", "");
  source = new EventSource(query("/api/v1/live", { station }));
  source.addEventListener("open", () => show("live", "on"));
  source.addEventListener("error", () => show("reconnecting", "off"));
  for (const [name, handle] of Object.entries(handlers)) {
    source.addEventListener(name, (event) => handle(JSON.parse(event.data)));
  }
  // What happened between loading the page and this moment, or during an interruption, is unknown: it loads again.
  source.addEventListener("hello", () => handlers.reset({}));
}

export function unwatch() {
  source?.close();
}
