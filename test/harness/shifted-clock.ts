// Loaded into a process before anything else (`node --import`): its wall clock is off by TEST_CLOCK_SHIFT_MS, its monotonic
// clock and its timers are not, as on a machine whose time was set wrong.
const realNow = Date.now.bind(Date);
const shiftMs = Number(process.env["TEST_CLOCK_SHIFT_MS"]);
const now = (): number => realNow() + shiftMs;

globalThis.Date = new Proxy(Date, {
  construct: (target, args: unknown[]) => Reflect.construct(target, args.length === 0 ? [now()] : args) as Date,
  get: (target, name) => (name === "now" ? now : (Reflect.get(target, name) as unknown)),
});
