// Where the command line writes: the REST API of the wattlog that runs on the folder, or the same API without a port
// where none does.
import type { Settings } from "../../core/config/settings.ts";
import { runningOn } from "./running.ts";

export interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface RestClient {
  request(method: "GET" | "POST" | "PATCH" | "DELETE", path: string, body?: object): Promise<Answer>;
  close(): Promise<void>;
}

const requestTimeoutMs = 30_000;

export async function withRest<T>(settings: Settings, work: (rest: RestClient) => Promise<T>): Promise<T> {
  const running = await runningOn(settings.dataDir);
  const rest = running ? overHttp(running.httpUrl, running.token) : await inProcess(settings);
  try {
    return await work(rest);
  } finally {
    await rest.close();
  }
}

function overHttp(base: string, token: string): RestClient {
  return {
    async request(method, path, body) {
      const response = await fetch(`${base}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        signal: AbortSignal.timeout(requestTimeoutMs),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: response.status, body: parsed(await response.text()) };
    },
    close: () => Promise.resolve(),
  };
}

async function inProcess(settings: Settings): Promise<RestClient> {
  // The whole read side: loaded only where nothing runs that could be asked.
  const { openOfflineApi } = await import("../roles/offline-api.ts");
  const api = await openOfflineApi(settings);
  return {
    async request(method, path, body) {
      const answer = await api.request(method, path, body);
      return { status: answer.status, body: parsed(answer.body) };
    },
    close: () => api.close(),
  };
}

function parsed(text: string): Answer["body"] {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Answer["body"]) : {};
  } catch {
    return {};
  }
}

/** A problem document as one sentence. */
export function problemOf({ status, body }: Answer): string {
  const detail =
    typeof body["detail"] === "string" ? body["detail"] : typeof body["title"] === "string" ? body["title"] : "";
  const path = typeof body["path"] === "string" ? ` (at ${body["path"]})` : "";
  return detail === "" ? `The API answered ${status}.` : `${detail}${path}`;
}
