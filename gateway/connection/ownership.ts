// Who holds a station (protocol.md I3, I4): the `connected` record's offset orders a station's connections, and a
// connection counts once it has shown life after that record was acknowledged. So a half-open socket never displaces.
import type { Claim } from "../../core/bus/bus.ts";
import { comparePositions, type Epoch } from "../../core/ids/ids.ts";
import { messageOf } from "../../core/runtime/errors.ts";
import { ControlRecord } from "../append/control-record.ts";
import type { Connection } from "./connection.ts";
import { closeCodes, type CloseReason } from "./close-codes.ts";
import { closeForLostFrame, closeNow, connectionRecord, type Node } from "./node.ts";

const claimRetryMs = 5_000;
const settled = Promise.resolve();

export class Ownership {
  private readonly node: Node;
  private readonly generation: number;
  private readonly releases = new Set<Promise<void>>();

  constructor(node: Node, generation: number) {
    this.node = node;
    this.generation = generation;
  }

  opened(connection: Connection): void {
    const { node } = this;
    node.table.add(connection);
    this.append(
      connection,
      connectionRecord(node, connection, {
        kind: "connected",
        nodeId: node.id,
        protocol: connection.protocol,
        securityProfile: connection.securityProfile,
        remoteAddress: connection.remoteAddress,
      }),
      (offset) => {
        connection.epoch = { generation: this.generation, offset };
        connection.claim = "open";
        // Its pong proves life even where the station has nothing to say.
        if (connection.usable) connection.socket.ping();
      },
    );
  }

  /** Any frame or pong. */
  heard(connection: Connection): void {
    const { epoch } = connection;
    if (connection.claim !== "open" || epoch === undefined || !connection.usable) return;
    connection.claim = "claiming";
    // A newer one may have been claimed while this one was still silent.
    const newer = this.node.table
      .ofStation(connection.key)
      .some((other) => other.claim === "claimed" && isNewer(other, epoch));
    if (newer) return this.supersede(connection);
    this.append(connection, connectionRecord(this.node, connection, { kind: "claimed", epoch }), () => {
      connection.claim = "claimed";
      if (!connection.usable) return;
      this.closeOlder(connection);
      this.claimOnBus(connection);
    });
  }

  /** The bus says that another node holds the station with a higher epoch. */
  superseded(connection: Connection): void {
    if (connection.usable) this.supersede(connection);
  }

  /** @param code as the WebSocket had it. */
  closed(connection: Connection, code: number, reason: CloseReason): void {
    const { node } = this;
    node.table.remove(connection);
    // Essential: whatever else is lost, the log must learn that the station is gone.
    const record = connectionRecord(node, connection, { kind: "disconnected", code, reason });
    node.appender.enqueue(connection.partition, new ControlRecord(connection.key, record, true, {}));
    if (connection.claiming) this.release(connection, connection.claiming);
  }

  /** Resolves when the bus has answered every release so far. */
  async released(): Promise<void> {
    await Promise.allSettled(this.releases);
  }

  private append(connection: Connection, value: Uint8Array, acknowledged: (offset: number) => void): void {
    const { node } = this;
    const lost = () => closeForLostFrame(node, connection);
    const wanted = () => connection.isHeard;
    const record = new ControlRecord(connection.key, value, false, { acknowledged, lost, wanted });
    if (!node.appender.enqueue(connection.partition, record)) lost();
  }

  private closeOlder(connection: Connection): void {
    const epoch = connection.epoch!;
    for (const other of this.node.table.ofStation(connection.key)) {
      // One without an epoch yet is younger, or its `connected` was acknowledged in another batch: it will look itself.
      if (other.epoch !== undefined && comparePositions(other.epoch, epoch) < 0) this.supersede(other);
    }
  }

  private supersede(connection: Connection): void {
    this.node.metrics.takeover(this.node.clock.monotonic() - connection.openedAt);
    closeNow(connection, "superseded");
  }

  private claimOf(connection: Connection): Claim {
    const { party, station, protocol, id: connectionId } = connection;
    return { party, station, connectionId, nodeId: this.node.id, epoch: connection.epoch!, protocol };
  }

  private claimOnBus(connection: Connection): void {
    const { node } = this;
    const claiming = this.claimed(connection).catch((error: unknown) => {
      // Without the bus frames go on and commands fail fast; the socket registers again.
      node.logger.warn({ error: messageOf(error) }, "the command bus did not take a claim");
      node.clock.after(claimRetryMs * (0.5 + node.random()), () => {
        if (connection.usable) this.claimOnBus(connection);
      });
    });
    connection.claiming = claiming;
    // A promise and what hangs on it for each of fifty thousand connections is memory for nothing once it is settled.
    void claiming.finally(() => {
      if (connection.claiming === claiming) connection.claiming = settled;
    });
  }

  private async claimed(connection: Connection): Promise<void> {
    const verdict = await this.node.bus.claim(this.claimOf(connection));
    if (verdict === "superseded" && connection.usable) this.supersede(connection);
  }

  private release(connection: Connection, claiming: Promise<unknown>): void {
    const { node } = this;
    const release = claiming
      .then(() => node.bus.release(this.claimOf(connection)))
      .catch((error: unknown) => {
        node.logger.warn({ error: messageOf(error) }, "the command bus did not take a release");
      })
      .finally(() => this.releases.delete(release));
    this.releases.add(release);
  }
}

function isNewer(connection: Connection, epoch: Epoch): boolean {
  return connection.epoch !== undefined && comparePositions(connection.epoch, epoch) > 0;
}

/** What the `disconnected` record and the metric say. */
export function closeReasonOf(connection: Connection, code: number): CloseReason {
  if (connection.closing) return connection.closing;
  if (code === closeCodes.tooLarge.code) return "tooLarge";
  return code === closeCodes.badFrame.code ? "badFrame" : "byStation";
}
