// Each house check must find what it is for, and leave good code alone: planted snippets, one check after the other.
import { describe, expect, test } from "vitest";
import {
  checkAdapterChoice,
  checkDefaultExports,
  checkFileLengths,
  checkLayers,
  checkPolls,
  checkReadmes,
  checkSingleFileClients,
  checkTestModifiers,
  checkUnfinished,
  MAX_FILE_LINES,
} from "./checks.ts";
import { listSources, parse, type Parsed } from "./sources.ts";

const plant = (path: string, text: string): Parsed => parse({ path, text });

describe("layers", () => {
  test.each([
    ["core/log/a.ts", 'import { b } from "../../gateway/b.ts";'],
    ["core/log/a.ts", 'import type { b } from "../../processors/b.ts";'],
    ["core/log/a.ts", 'export { b } from "../../deploy/roles/b.ts";'],
    ["core/log/a.ts", 'export * from "../../tools/b.ts";'],
    ["core/log/a.ts", 'const b = await import("../../projections/b.ts");'],
    ["core/log/a.ts", 'type B = import("../../gateway/b.ts").B;'],
    ["core/log/a.ts", 'const b = require("../../gateway/b.ts");'],
    ["core/log/a.ts", 'new Worker(new URL("../../processors/worker.ts", import.meta.url));'],
    ["core/log/a.ts", 'import {\n  b, // from "../x"\n  c,\n} from "../../gateway/b.ts";'],
    ["gateway/a.ts", 'import { b } from "../processors/b.ts";'],
    ["processors/engine/a.ts", 'import { b } from "../../projections/b.ts";'],
    ["projections/rest/a.ts", 'import { b } from "../../gateway/server/b.ts";'],
    ["deploy/cli/a.ts", 'import { b } from "../../test/b.ts";'],
    ["bench/fleet/a.ts", 'import { b } from "../../core/ocpp/b.ts";'],
    ["bench/fleet/a.ts", 'import { b } from "../load/b.ts";'],
    ["bench/fleet/a.ts", 'import { b } from "wattlog";'],
    ["gateway/a.test.ts", 'import { b } from "../processors/b.ts";'],
  ])("a forbidden import in %s: %s", (path, text) => {
    const { problems, checked } = checkLayers([plant(path, text)]);
    expect(problems).toHaveLength(1);
    expect(checked).toBeGreaterThan(0);
  });

  test.each([
    ["core/log/a.ts", 'import { b } from "../store/b.ts"; import fs from "node:fs"; import { Kysely } from "kysely";'],
    ["core/log/a.ts", '// import { b } from "../../gateway/b.ts"\nconst text = `import "../../gateway/b.ts"`;'],
    ["core/ocpp/a.ts", 'const x = require("../../build/ocpp/x.cjs");'],
    ["core/log/a.test.ts", 'import { b } from "../../test/support/b.ts";'],
    ["gateway/server/a.ts", 'import { b } from "../../core/b.ts"; import { c } from "../append/c.ts";'],
    ["deploy/roles/a.ts", 'import { b } from "../../gateway/b.ts"; import { c } from "../../tools/prepare.ts";'],
    ["bench/fleet/a.ts", 'import { b } from "./b.ts"; import { deflate } from "node:zlib";'],
    ["bench/load/a.ts", 'import { b } from "../../core/b.ts";'],
  ])("an allowed import in %s: %s", (path, text) => {
    expect(checkLayers([plant(path, text)]).problems).toEqual([]);
  });

  test("the line of the import is told", () => {
    const file = plant("core/a.ts", '\n\nimport { b } from "../gateway/b.ts";');
    expect(checkLayers([file]).problems[0]).toContain("core/a.ts:3 imports gateway/b.ts");
  });
});

describe("third-party clients", () => {
  test.each(["uWebSockets.js", "kafkajs", "ioredis", "pg", "@msgpack/msgpack", "prom-client", "pino"])(
    "%s named in two product files",
    (client) => {
      const first = plant("core/a.ts", `import x from "${client}";`);
      const second = plant("gateway/b.ts", `const { y } = await import("${client}/lib/sub.js");`);
      expect(checkSingleFileClients([first, second]).problems).toHaveLength(1);
      expect(checkSingleFileClients([first]).problems).toEqual([]);
    },
  );

  test("a type import, a re-export and a createRequire count as naming it", () => {
    const files = [
      plant("core/a.ts", 'import type { Logger } from "pino";'),
      plant("core/b.ts", 'export { pino } from "pino";'),
      plant("core/c.ts", 'createRequire(import.meta.url).resolve("pino");'),
    ];
    expect(checkSingleFileClients(files).problems[0]).toContain("3 files");
  });

  test("tests, contracts and benches are free, and other packages of a similar name", () => {
    const files = [
      plant("core/a.ts", 'import pg from "pg";'),
      plant("core/a.test.ts", 'import pg from "pg";'),
      plant("core/a.contract.ts", 'import pg from "pg";'),
      plant("bench/a.ts", 'import pg from "pg";'),
      plant("core/b.ts", 'import pg from "pg-format";'),
    ];
    expect(checkSingleFileClients(files).problems).toEqual([]);
  });
});

describe("adapters", () => {
  const pick = 'import { KafkaLog } from "../../core/log/log-kafka.ts";';

  test.each(["gateway/append/a.ts", "projections/rest/a.ts", "core/bus/a.ts", "deploy/cli/a.ts"])(
    "picked in %s",
    (path) => {
      expect(checkAdapterChoice([plant(path, pick)]).problems).toHaveLength(1);
    },
  );

  test.each(["deploy/roles/a.ts", "test/promises/a.test.ts", "bench/load/a.ts", "gateway/append/a.test.ts"])(
    "may be picked in %s",
    (path) => {
      expect(checkAdapterChoice([plant(path, pick)]).problems).toEqual([]);
    },
  );

  test("a file beside the adapter may share with it", () => {
    expect(checkAdapterChoice([plant("core/log/worker.ts", 'import "./log-embedded.ts";')]).problems).toEqual([]);
  });
});

describe("default exports", () => {
  test.each([
    "export default class A {}",
    "export default 1;",
    "const a = 1; export { a as default };",
    'export { default } from "x";',
  ])("%s", (text) => {
    expect(checkDefaultExports([plant("core/a.ts", text)]).problems).toHaveLength(1);
  });

  test("are for tools that demand one", () => {
    const files = [
      plant("x.config.ts", "export default {};"),
      plant("bench/k6/a.ts", "export default function run() {}"),
    ];
    expect(checkDefaultExports(files).problems).toEqual([]);
    expect(checkDefaultExports([plant("core/a.ts", 'export const text = "export default";')]).problems).toEqual([]);
  });
});

describe("unfinished work", () => {
  test.each(["TODO", "FIXME", "XXX", "HACK"])("%s in a comment", (word) => {
    expect(checkUnfinished([plant("core/a.ts", `// ${word}: later`)]).problems).toHaveLength(1);
    expect(
      checkUnfinished([plant("core/a.ts", `/**\n * ${word} later\n */\nexport const a = 1;`)]).problems,
    ).toHaveLength(1);
    expect(checkUnfinished([plant("core/a.ts", `const text = "// ${word}";`)]).problems).toEqual([]);
  });
});

describe("test modifiers", () => {
  test.each([
    "it.skip('a', () => {});",
    "test.only('a', () => {});",
    "describe.only('a', () => {});",
    "test.todo('a');",
    "describe.skipIf(true)('a', () => {});",
    "test.concurrent.skip('a', () => {});",
    "test.skip.each([1])('a', () => {});",
    "test.fails('a', () => {});",
  ])("%s", (text) => {
    expect(checkTestModifiers([plant("core/a.test.ts", text)]).problems).toHaveLength(1);
  });

  test("a skip with a reason while the test runs is allowed, as are each and concurrent", () => {
    const text =
      "test.each([1])('a', (_, context) => context.skip('needs Kafka')); test.concurrent('b', () => {}); array.skip(1);";
    expect(checkTestModifiers([plant("core/a.test.ts", text)]).problems).toEqual([]);
  });

  test("looking at no test file at all is seen as such", () => {
    expect(checkTestModifiers([plant("core/a.ts", "export const a = 1;")]).checked).toBe(0);
  });
});

describe("polls", () => {
  const polls = "expect\n  .poll(() => 1).toBe(1);";

  test("expect does not poll where tests run at once", () => {
    for (const start of ["test.concurrent('a', async () => {", "useCases('A', (scene) => {"]) {
      expect(checkPolls([{ path: "test/a/b.test.ts", text: `${start} ${polls}` }])).toMatchObject({ checked: 1 });
      expect(checkPolls([{ path: "test/a/b.test.ts", text: `${start} ${polls}` }]).problems).toHaveLength(1);
    }
  });

  test("it does in a file of one test after the other", () => {
    expect(checkPolls([{ path: "core/a.test.ts", text: polls }])).toEqual({ checked: 0, problems: [] });
  });
});

describe("file lengths", () => {
  const long = { path: "core/long.ts", text: "x\n".repeat(MAX_FILE_LINES + 1) };
  const short = { path: "core/short.ts", text: "x\n".repeat(MAX_FILE_LINES) };

  test("a long file needs a reason", () => {
    expect(checkFileLengths([long, short], {}).problems).toHaveLength(1);
    expect(checkFileLengths([long, short], { "core/long.ts": "a table" }).problems).toEqual([]);
  });

  test("a reason that is no longer needed is a problem", () => {
    expect(checkFileLengths([short], { "core/short.ts": "was long" }).problems).toHaveLength(1);
    expect(checkFileLengths([short], { "core/gone.ts": "was long" }).problems).toHaveLength(1);
  });
});

describe("READMEs", () => {
  const files = [
    { path: "core/log/a.ts", text: "" },
    { path: "tools/b.ts", text: "" },
    { path: "projections/console/page/c.ts", text: "" },
  ];
  const good = "# A room\n\nWhat it is for, at some length, and what may not enter it because it belongs elsewhere.\n";

  test("all missing ones are told at once, down to two levels", () => {
    expect(checkReadmes(files, () => undefined)).toEqual({
      checked: 2,
      problems: ["core/log/README.md is missing", "tools/README.md is missing"],
    });
  });

  test("an empty one is no README", () => {
    expect(checkReadmes(files, (folder) => (folder === "tools" ? "# tools" : good)).problems).toHaveLength(1);
    expect(checkReadmes(files, () => good).problems).toEqual([]);
  });
});

describe("the scanner", () => {
  test("a folder that does not exist gives nothing, which each check shows as zero looked at", () => {
    const none = listSources(["no-such-folder"]).map(parse);
    const results = [
      checkLayers,
      checkSingleFileClients,
      checkAdapterChoice,
      checkDefaultExports,
      checkUnfinished,
      checkTestModifiers,
      checkPolls,
    ];
    expect(results.map((check) => check(none).checked)).toEqual([0, 0, 0, 0, 0, 0, 0]);
    expect(checkFileLengths(none, {}).checked).toBe(0);
    expect(checkReadmes(none, () => undefined).checked).toBe(0);
  });

  test("a file that does not parse is an error, not an empty file", () => {
    expect(() => plant("core/a.ts", "import { from")).toThrow("core/a.ts does not parse");
  });
});
