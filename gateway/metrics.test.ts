import { expect, test, vi } from "vitest";

import { FakeRig, settle } from "./testing/fake-server.test-helper.ts";

test("the slowest answer of a second leads to its record, where it took longer than a second", async () => {
  const rig = await FakeRig.start();
  const warned = vi.spyOn(rig.logger, "warn");
  const socket = await rig.claimed("CP-1");
  socket.says([2, "quick", "Heartbeat", {}]);
  await rig.advance(1_000);
  expect(warned).not.toHaveBeenCalled();

  rig.log.holding.add(0);
  socket.says([2, "slow", "Heartbeat", {}]);
  await settle();
  await rig.advance(1_500);
  rig.log.letGo();
  await settle();
  await rig.advance(1_000);
  expect(warned).toHaveBeenCalledTimes(1);
  const [slowest] = warned.mock.calls[0] as unknown as [{ ms: number; partition: number; offset: number }];
  expect(slowest).toMatchObject({
    station: "CP-1",
    messageId: "slow",
    connectionId: socket.connection?.id,
    partition: 0,
  });
  expect(slowest.ms).toBeGreaterThanOrEqual(1_500);
  expect(rig.log.frames()[slowest.offset]).toMatchObject({ kind: "exchange", messageId: "slow" });

  await rig.advance(5_000);
  expect(warned, "it is told once").toHaveBeenCalledTimes(1);
});
