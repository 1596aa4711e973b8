// Projects: `unit` runs in parallel; `server-faults` is for `npm run full`; `system` one file at a time, because those tests take whole machines' worth of
// processes and ports and measure time. A test file belongs to `unit` unless its folder is listed as system.
import { defineConfig } from "vitest/config";
import { SERVER_FAULT_TESTS, SYSTEM_TEST_FOLDERS, UNTESTED_FOLDERS } from "./tools/test-folders.ts";
import { summaryReporters } from "./tools/test-reporter.ts";

const system = SYSTEM_TEST_FOLDERS.map((folder) => `${folder}/**/*.test.ts`);
const untested = UNTESTED_FOLDERS.map((folder) => `**/${folder}/**`);

export default defineConfig({
  test: {
    reporters: ["default", ...summaryReporters()],
    globalSetup: "./tools/test-setup.ts",
    // As test/harness/wait.ts: only what never comes is waited for so long.
    expect: { poll: { timeout: 45_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["**/*.test.ts"],
          exclude: [...untested, ...system, ...SERVER_FAULT_TESTS],
          // Left to itself vitest leaves one processor idle, which of two is half.
          maxWorkers: "100%",
          // Many times what any of them takes: a busy machine is no fault.
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: "system",
          // Tests that want the run's cluster ask for it there; nothing starts before one does.
          globalSetup: "./test/harness/shared-cluster.ts",
          include: system,
          exclude: [...untested, ...SERVER_FAULT_TESTS],
          fileParallelism: false,
          // Concurrent ones wait, for deadlines or for a station: no processor limits them.
          maxConcurrency: 12,
          testTimeout: 180_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: "server-faults",
          include: [...SERVER_FAULT_TESTS],
          exclude: untested,
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
