/** Folders whose tests run one file at a time, with long time limits. Every other test file is a unit test. */
export const SYSTEM_TEST_FOLDERS = [
  "test/promises",
  "test/faults",
  "test/stations",
  "test/misuse",
  "test/cluster",
] as const;

/** Folders anywhere in the tree that hold no tests of ours. */
export const UNTESTED_FOLDERS = ["node_modules", "build", "data", "data-demo", ".cache", ".git"] as const;
