// The CommandBus port: who holds a station, and a tap on the shoulder of that node. It holds nothing that
// cannot be rebuilt from live sockets; losing all of it costs latency and refused commands, never a frame.
//
// Contract (bus.contract.ts runs on every adapter):
//  - `claim` replaces only a lower epoch (rule I4); the displaced owner's node gets `superseded`.
//  - `release` removes only the very epoch it names: a late close of an old socket must not kill the new route.
//  - `send` may deliver twice or not at all; receivers cope. It resolves to false when nobody listens there.
import type { CommandId, ConnectionId, Epoch, NodeId, PartyId, StationId } from "../ids/ids.ts";
import type { FrameRecordOf, Protocol } from "../records/frame-record.ts";

export interface Claim {
  readonly party: PartyId;
  readonly station: StationId;
  readonly connectionId: ConnectionId;
  readonly nodeId: NodeId;
  readonly epoch: Epoch;
  readonly protocol: Protocol;
}

/** The whole of the record: what it was decided from, too. */
export type HandedOver = Pick<
  FrameRecordOf<"commandRequested">,
  "registry" | "commandId" | "protocol" | "action" | "payload" | "timeoutMs" | "origin" | "replyTo"
>;

export type BusMessage =
  | {
      /** A durable `commandRequested` waits for this connection. */
      readonly type: "command";
      readonly party: PartyId;
      readonly station: StationId;
      readonly connectionId: ConnectionId;
      readonly commandId: CommandId;
      readonly action: string;
      readonly payload: Uint8Array;
      /** Log time of the `commandRequested` record + its timeout (rule C3). */
      readonly deadline: number;
      readonly replyTo: NodeId | null;
    }
  | {
      /**
       * A command that is not in the log yet: the node appends its request and that it was sent together, and answers with
       * a progress `requested`, or `declined` where the api is to append the request itself. In vain after `until`.
       */
      readonly type: "handOver";
      readonly party: PartyId;
      readonly station: StationId;
      readonly connectionId: ConnectionId;
      readonly request: HandedOver;
      /** Log time. */
      readonly until: number;
    }
  | {
      /** Another connection of the station was claimed with a higher epoch: close this one. */
      readonly type: "superseded";
      readonly connectionId: ConnectionId;
    }
  | {
      /** What a transaction has cost as of a moment that is over: the node answers with it (`totalCost`). Losing one costs an answer its cost. */
      readonly type: "runningCost";
      readonly connectionId: ConnectionId;
      readonly transactionId: string;
      /** With taxes, in the currency of the tariff. */
      readonly totalCost: number;
    }
  | {
      /** For the api that waits: the receipt of the result, judged by its log time (rule C4). */
      readonly type: "commandProgress";
      readonly commandId: CommandId;
      readonly state:
        | { readonly at: "requested"; readonly logTime: number }
        | { readonly at: "declined" }
        | { readonly at: "result"; readonly frame: Uint8Array; readonly logTime: number }
        | { readonly at: "ended"; readonly outcome: "not_connected" | "expired" };
    };

export interface CommandBus {
  /** `superseded`: a higher epoch holds the station; the caller closes its socket. */
  claim(claim: Claim): Promise<"current" | "superseded">;
  release(claim: Claim): Promise<void>;
  owner(party: PartyId, station: StationId): Promise<Claim | undefined>;
  send(to: NodeId, message: BusMessage): Promise<boolean>;
  /** One listener a node. @returns a function that ends it. */
  listen(nodeId: NodeId, handler: (message: BusMessage) => void): Promise<() => Promise<void>>;
  /** Nodes that hold a lease now. */
  nodes(): Promise<readonly NodeId[]>;
  close(): Promise<void>;
}
