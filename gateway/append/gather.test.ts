import { expect, test } from "vitest";
import { FakeClock } from "../../core/runtime/clock.ts";
import { Gather } from "./gather.ts";

/** Turns end by hand; everything that is ready leaves in one append. */
function rig() {
  const clock = new FakeClock();
  const turns: (() => void)[] = [];
  const left: number[] = [];
  let ready = 0;
  const gather = new Gather(clock, (run) => void turns.push(run), {
    ready: () => ready,
    leave: () => {
      left.push(ready);
      ready = 0;
      return 1;
    },
  });
  const arrive = (records: number) => {
    for (let n = 0; n < records; n++) {
      ready++;
      gather.arrived();
    }
  };
  const arriveUrgently = () => {
    ready++;
    gather.arrived(true);
  };
  const turn = () => {
    for (const run of turns.splice(0)) run();
  };
  const receipt = (records: number) => {
    gather.settled(gather.newest);
    gather.beforeAnswers();
    gather.afterAnswers(records);
  };
  return { clock, gather, left, arrive, arriveUrgently, turn, receipt, turnsWanted: () => turns.length };
}

test("one record leaves after one empty turn, without any time, whatever came before it", () => {
  const { left, arrive, turn, receipt } = rig();
  for (let n = 0; n < 3; n++) {
    arrive(1);
    turn();
    expect(left).toHaveLength(n);
    turn();
    expect(left).toHaveLength(n + 1);
    receipt(1);
  }
});

test("what is urgent leaves with its own turn, also while a batch is on its way, and what has gathered goes along", () => {
  const { left, arrive, arriveUrgently, turn, receipt } = rig();
  arriveUrgently();
  turn();
  expect(left).toEqual([1]);
  arrive(3);
  turn();
  arriveUrgently();
  turn();
  expect(left).toEqual([1, 4]);
  // The next record is as patient as before.
  receipt(4);
  arrive(1);
  turn();
  expect(left).toEqual([1, 4]);
});

test("what each turn brings more of is one batch, for a few turns", () => {
  const { left, arrive, turn } = rig();
  for (let n = 0; n < 6; n++) {
    arrive(5);
    turn();
  }
  expect(left).toEqual([30]);
});

test("two halves become one: what waited leaves with the next frames of those who were answered", () => {
  const { clock, left, arrive, turn, receipt } = rig();
  arrive(20);
  turn();
  turn();
  arrive(20);
  turn();
  turn();
  expect(left).toEqual([20]);
  receipt(20);
  turn();
  expect(left).toEqual([20]);
  arrive(12);
  turn();
  arrive(8);
  turn();
  turn();
  expect(left).toEqual([20, 40]);
  expect(clock.monotonic()).toBe(new FakeClock().monotonic());
});

test("what is large leaves at once, also while a batch is on its way, and before the answers", () => {
  const { gather, left, arrive, turn } = rig();
  arrive(64);
  turn();
  arrive(64);
  turn();
  expect(left).toEqual([64, 64]);
  arrive(70);
  gather.settled(gather.newest);
  gather.beforeAnswers();
  expect(left).toEqual([64, 64, 70]);
});

test("an append without a receipt holds others back for two milliseconds, once", () => {
  const { clock, left, arrive, turn, turnsWanted } = rig();
  arrive(1);
  turn();
  turn();
  arrive(1);
  turn();
  expect(left).toHaveLength(1);
  // Nothing spins meanwhile.
  expect(turnsWanted()).toBe(0);
  clock.advance(2);
  turn();
  expect(left).toHaveLength(2);
});

test("those who were answered are waited for a millisecond; in vain, and the next rounds do not wait", () => {
  const { clock, left, arrive, turn, receipt, turnsWanted } = rig();
  arrive(10);
  turn();
  turn();
  receipt(10);
  arrive(1);
  turn();
  expect([left, turnsWanted()]).toEqual([[10], 0]);
  clock.advance(1);
  turn();
  expect(left).toEqual([10, 1]);
  receipt(10);
  arrive(1);
  turn();
  turn();
  expect(left).toEqual([10, 1, 1]);
});
