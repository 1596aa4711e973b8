// What a handler is given.
import type { PartyId } from "../../core/ids/ids.ts";
import type { ApiOptions } from "../rest/context.ts";
import type { OcpiAnswer } from "./envelope.ts";
import type { OcpiServices } from "./services.ts";
import type { Partner } from "./partners.ts";

export interface OcpiCall {
  readonly context: ApiOptions;
  readonly services: OcpiServices;
  /** Ours. */
  readonly party: PartyId;
  readonly partner: Partner;
  /** The token that it presented, decoded: what a credentials object says again. */
  readonly presented: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: unknown;
  /** Of this request, without what follows the path. */
  readonly path: string;
  /** For what the request leads to at the partner's. */
  readonly correlationId: string;
}

export type OcpiHandler = (call: OcpiCall) => Promise<OcpiAnswer>;
