// What npm `ocpp-ws-cli` finds fault with, and why that is no fault: printed in docs/third-party-stations.md, held to the kit's
// report by ocpp-ws-cli.test.ts. A finding that is not here fails that test.
export type Validation = "lenient" | "strict";

export interface Finding {
  /** The kit's name of the check. */
  readonly check: string;
  readonly modes: readonly Validation[];
  /** What the kit got, and the text that asks for it. */
  readonly reason: string;
  /** A test of ours that shows what happens. */
  readonly test: string;
}

export const findings: readonly Finding[] = [
  {
    check: "Server requires subprotocol",
    modes: ["lenient", "strict"],
    reason:
      "The kit takes a completed handshake for a connection. OCPP-J 1.6 §3.1.2 asks for just that (2.x Part 4 alike): complete the handshake without the header, then close at once.",
    test: "wire: no subprotocol offered: closed by default, 1.6 where the setting says so",
  },
  {
    check: "Server enforces MessageId is a string",
    modes: ["lenient", "strict"],
    reason:
      "Lenient: stations do send numbers, they are echoed in their own JSON type. Strict: refused by FormationViolation in 1.6, whose spelling the kit does not know, and by RpcFrameworkError in 2.x (Part 4: no valid RPC request), where the kit wants an error of the payload.",
    test: "wire: %s %s: a numeric id is an error that names it in its own JSON type",
  },
  {
    check: "Server rejects non-object payload in CALL",
    modes: ["lenient"],
    reason: "Nothing in a Heartbeat's payload is needed for its answer: it is served and annotated. Strict refuses it.",
    test: "wire: %s %s: a payload that is no object is refused where validation is strict",
  },
];
