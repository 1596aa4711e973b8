// The version is the subprotocol's, in the client's order of preference; a version in the URL never decides (ocpp.md).
import type { Protocol } from "../../core/records/frame-record.ts";

const spoken = new Map<string, Protocol>([
  ["ocpp1.6", "ocpp1.6"],
  ["ocpp2.0.1", "ocpp2.0.1"],
  ["ocpp2.1", "ocpp2.1"],
]);

export type Chosen =
  | { readonly type: "chosen"; readonly protocol: Protocol; readonly header: string }
  /** It offered some, none of ours. */
  | { readonly type: "noMatch" }
  | { readonly type: "noneOffered" };

/** @param offered `Sec-WebSocket-Protocol` as sent. */
export function chooseSubprotocol(offered: string): Chosen {
  const names = offered
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  if (names.length === 0) return { type: "noneOffered" };
  for (const name of names) {
    const protocol = spoken.get(name.toLowerCase());
    // Echoed as it was offered: clients compare letter by letter.
    if (protocol) return { type: "chosen", protocol, header: name };
  }
  return { type: "noMatch" };
}
