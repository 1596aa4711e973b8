// Requests to an api as its administrator, and the frames that they left in the log.
import { logKey, trusted } from "../../core/ids/ids.ts";
import { partitionOf } from "../../core/log/partition.ts";
import { decodeRecord } from "../../core/records/codec.ts";
import type { FrameRecord } from "../../core/records/frame-record.ts";
import type { Api } from "../rest/api.ts";
import { adminToken, party, type World } from "./world.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Readonly<Record<string, unknown>> & { readonly items: readonly Readonly<Record<string, unknown>>[] };
}

export async function callAs(
  api: Api,
  method: "GET" | "POST" | "PATCH" | "PUT" | "DELETE",
  url: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await api.app.inject({
    method,
    url,
    headers: { authorization: `Bearer ${adminToken}`, ...headers },
    ...(body === undefined ? {} : { payload: body as object }),
  });
  const json = /json/.test(String(response.headers["content-type"]));
  return {
    status: response.statusCode,
    headers: response.headers,
    body: (json ? response.json() : {}) as Answer["body"],
  };
}

export async function framesIn(world: World, station: string): Promise<FrameRecord[]> {
  const topic = world.log.topics.frames;
  const partition = partitionOf(logKey(party, trusted.station(station)), topic.partitions);
  const found: FrameRecord[] = [];
  for await (const { records } of world.log.read(topic, partition, 0, await world.log.endOffset(topic, partition))) {
    for (const { value } of records) found.push(decodeRecord(value));
  }
  return found.filter((record) => record.station === station);
}
