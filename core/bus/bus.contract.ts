// What every CommandBus promises, run on each adapter. Clients are as separate as the adapter has them.
import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import type { Adapter } from "../../tools/test-adapters.ts";
import { newCommandId, newConnectionId, newNodeId, trusted, type NodeId } from "../ids/ids.ts";
import { isWattlogError } from "../runtime/errors.ts";
import type { BusMessage, Claim, CommandBus } from "./bus.ts";

export interface BusHarness {
  /** Another client of the same bus. */
  client(): Promise<CommandBus>;
  end(): Promise<void>;
}

const party = trusted.party("DEABC");

function claimOf(nodeId: NodeId, station: string, offset: number, generation = 1): Claim {
  return {
    party,
    station: trusted.station(station),
    connectionId: newConnectionId(),
    nodeId,
    epoch: { generation, offset },
    protocol: "ocpp1.6",
  };
}

interface Inbox {
  readonly messages: BusMessage[];
  readonly handler: (message: BusMessage) => void;
  reached(count: number): Promise<void>;
}

function inbox(): Inbox {
  const messages: BusMessage[] = [];
  let look = (): void => {};
  return {
    messages,
    handler(message) {
      messages.push(message);
      look();
    },
    reached: (count) =>
      new Promise((resolve) => {
        look = () => {
          if (messages.length >= count) resolve();
        };
        look();
      }),
  };
}

export function commandBusContract(adapter: Adapter, make: () => Promise<BusHarness>): void {
  describe(`CommandBus contract on ${adapter}`, () => {
    let harness: BusHarness;
    let one: CommandBus;
    let two: CommandBus;
    let station: string;

    beforeEach(async () => {
      harness = await make();
      [one, two] = await Promise.all([harness.client(), harness.client()]);
      station = `s-${randomUUID().slice(0, 8)}`;
    });

    afterEach(async () => {
      await harness.end();
    });

    const parts = (): Parts => ({ one, two, station });
    ownershipContract(parts);
    messageContract(parts);
    endContract(parts);
  });
}

interface Parts {
  readonly one: CommandBus;
  readonly two: CommandBus;
  readonly station: string;
}

function ownershipContract(parts: () => Parts): void {
  test("a claim is seen by every client", async () => {
    const { one, two, station } = parts();
    expect(await two.owner(party, trusted.station(station))).toBeUndefined();
    const claim = claimOf(newNodeId(), station, 5);
    expect(await one.claim(claim)).toBe("current");
    expect(await two.owner(party, claim.station)).toEqual(claim);
    expect(await two.owner(trusted.party("NLXYZ"), claim.station)).toBeUndefined();
  });

  test("a higher epoch displaces, and the displaced connection's node is told", async () => {
    const { one, two, station } = parts();
    const old = claimOf(newNodeId(), station, 5);
    const told = inbox();
    await one.listen(old.nodeId, told.handler);
    await one.claim(old);
    const fresh = claimOf(newNodeId(), station, 9);
    expect(await two.claim(fresh)).toBe("current");
    await told.reached(1);
    expect(told.messages).toEqual([{ type: "superseded", connectionId: old.connectionId }]);
    expect(await one.owner(party, old.station)).toEqual(fresh);
  });

  test("a lower epoch is superseded at once and changes nothing; generations count before offsets", async () => {
    const { one, two, station } = parts();
    const held = claimOf(newNodeId(), station, 3, 2);
    await one.claim(held);
    expect(await two.claim(claimOf(newNodeId(), station, 900, 1))).toBe("superseded");
    expect(await two.claim(claimOf(newNodeId(), station, 2, 2))).toBe("superseded");
    expect(await two.owner(party, held.station)).toEqual(held);
  });

  test("the same claim again, as after a reconnect to the bus, is still current", async () => {
    const { one, station } = parts();
    const claim = claimOf(newNodeId(), station, 5);
    await one.claim(claim);
    expect(await one.claim(claim)).toBe("current");
  });

  test("the late close of an old socket does not remove the new route", async () => {
    const { one, two, station } = parts();
    const old = claimOf(newNodeId(), station, 5);
    const fresh = claimOf(newNodeId(), station, 6);
    await one.claim(old);
    await two.claim(fresh);
    await one.release(old);
    expect(await one.owner(party, fresh.station)).toEqual(fresh);
    await two.release(fresh);
    expect(await one.owner(party, fresh.station)).toBeUndefined();
  });
}

function messageContract(parts: () => Parts): void {
  test("a message reaches the node that listens, bytes and all, and no other", async () => {
    const { one, two, station } = parts();
    const [here, there] = [newNodeId(), newNodeId()];
    const [mine, theirs] = [inbox(), inbox()];
    await one.listen(here, mine.handler);
    await two.listen(there, theirs.handler);
    const message: BusMessage = {
      type: "command",
      party,
      station: trusted.station(station),
      connectionId: newConnectionId(),
      commandId: newCommandId(),
      action: "Reset",
      payload: Uint8Array.of(0, 255, 128),
      deadline: 1_700_000_000_000,
      replyTo: here,
    };
    expect(await one.send(there, message)).toBe(true);
    await theirs.reached(1);
    expect(theirs.messages).toEqual([message]);
    const state = { at: "result", frame: Uint8Array.of(9), logTime: 7 } as const;
    const reply: BusMessage = { type: "commandProgress", commandId: message.commandId, state };
    expect(await two.send(here, reply)).toBe(true);
    await mine.reached(1);
    expect(mine.messages).toEqual([reply]);
  });

  test("a send to a node where nobody listens, or listens no more, is false", async () => {
    const { one, two } = parts();
    const node = newNodeId();
    const message: BusMessage = { type: "superseded", connectionId: newConnectionId() };
    expect(await one.send(node, message)).toBe(false);
    const end = await two.listen(node, () => {});
    expect(await one.send(node, message)).toBe(true);
    await end();
    expect(await one.send(node, message)).toBe(false);
  });

  test("the nodes are those that listen", async () => {
    const { one, two } = parts();
    const node = newNodeId();
    const end = await one.listen(node, () => {});
    expect(await two.nodes()).toContain(node);
    await end();
    expect(await two.nodes()).not.toContain(node);
  });
}

function endContract(parts: () => Parts): void {
  test("a closed client is refused and heard of no more; the others go on", async () => {
    const { one, two, station } = parts();
    const claim = claimOf(newNodeId(), station, 5);
    const node = newNodeId();
    await one.listen(node, () => {});
    await one.close();
    await expect(one.claim(claim)).rejects.toSatisfy((error) => isWattlogError(error, "bus/unavailable"));
    await expect.poll(() => two.nodes()).not.toContain(node);
    expect(await two.claim(claim)).toBe("current");
  });
}
