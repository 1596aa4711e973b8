// An open connection was let in by what the registry said then. When the registry changes its mind about the station,
// the connection is judged again (design.md: a change acts within 2 s; reliability.md, security checklist).
import { logKey } from "../../core/ids/ids.ts";
import type { StationDoc } from "../../core/registry/entities.ts";
import { isNameOf } from "../server/client-certificate.ts";
import type { CloseName } from "./close-codes.ts";
import type { Connection } from "./connection.ts";
import { closeNow, type Node } from "./node.ts";

export class Standing {
  private readonly node: Node;
  private readonly unsubscribe: () => void;

  constructor(node: Node) {
    this.node = node;
    this.unsubscribe = node.registry.onChange(({ party, entity, id, version }) => {
      if (entity !== "station") return;
      const doc = version.doc as StationDoc | null;
      for (const connection of node.table.ofStation(logKey(party, doc?.id ?? (id as StationDoc["id"])))) {
        this.judge(connection, doc);
      }
    });
  }

  stop(): void {
    this.unsubscribe();
  }

  private judge(connection: Connection, doc: StationDoc | null): void {
    const objection = objectionTo(connection, doc);
    connection.isRejected = doc?.acceptance === "rejected";
    if (objection === undefined || !connection.usable) return;
    // Nothing is taken from it from now on, but thousands that were changed by one import go at a rate.
    connection.closing = objection;
    this.node.closer.add({ close: () => closeNow(connection, objection), stillDue: () => !connection.closed });
  }
}

/** Why it may not stay; undefined: it may. */
function objectionTo(connection: Connection, doc: StationDoc | null): CloseName | undefined {
  if (doc === null) return "removed";
  // Once: a station that is rejected already comes in to be told so at its boot.
  if (doc.acceptance === "rejected" && !connection.isRejected) return "rejected";
  if (connection.securityProfile < (doc.securityProfile ?? 0)) return "credentialsChanged";
  if (connection.certifiedName !== undefined) {
    return isNameOf(connection.certifiedName, connection.station, doc) ? undefined : "credentialsChanged";
  }
  // A rotated key is good until the first login with the new one, for the command that brings the new one to the
  // station goes over this very connection (ocpp.md, basic auth; rule R3).
  const { password, previousPassword } = doc;
  const holds =
    password === undefined ||
    (connection.shownKey !== undefined &&
      (connection.shownKey === password.hmac || connection.shownKey === previousPassword?.hmac));
  return holds ? undefined : "credentialsChanged";
}
