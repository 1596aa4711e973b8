import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

import { authorityAt, issued, writeCertificate, type Certified } from "../../test/harness/certificates.ts";
import { tempFolder, type TempFolder } from "../../test/harness/paths.ts";
import { eventually } from "../../test/harness/wait.ts";
import { systemClock } from "./clock.ts";
import { readTlsFiles, TlsFilesWatch, type TlsFiles } from "./tls-files.ts";

let folder: TempFolder;
let authority: Certified;

beforeEach(async () => {
  folder = tempFolder("tls-files");
  authority = await authorityAt();
});

afterEach(() => folder[Symbol.dispose]());

function filesOf(shown: Certified, ca?: string): TlsFiles {
  const { certFile, keyFile } = writeCertificate(folder.path, shown);
  const files = { cert: { env: "CERT", path: certFile }, key: { env: "KEY", path: keyFile } };
  if (ca === undefined) return files;
  const path = join(folder.path, "ca.crt");
  writeFileSync(path, ca);
  return { ...files, clientCa: { env: "CA", path } };
}

test("what is no good is said in a sentence that names the setting", async () => {
  const one = await issued(authority, "CN=one");
  const other = await issued(authority, "CN=other");
  expect(readTlsFiles(filesOf(one, authority.certificate))).toMatchObject({ ca: authority.certificate });
  expect(() => readTlsFiles(filesOf({ ...one, key: other.key }))).toThrow(/^CERT and KEY are no certificate/);
  expect(() => readTlsFiles(filesOf({ ...one, certificate: "x" }))).toThrow(/^CERT and KEY are no certificate/);
  expect(() => readTlsFiles(filesOf(one, "x"))).toThrow(/^CA holds no certificate/);
  expect(() => readTlsFiles(filesOf(one, "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----"))).toThrow(/^CA /);
  const nowhere = { env: "KEY", path: join(folder.path, "nowhere") };
  expect(() => readTlsFiles({ ...filesOf(one), key: nowhere })).toThrow(/^KEY=\S+nowhere cannot be read/);
});

test("a change is told once, and what cannot be read is no change", async () => {
  const files = filesOf(await issued(authority, "CN=one"));
  let [told, looks] = [0, 0];
  const after = (ms: number, run: () => void) => {
    looks++;
    return systemClock.after(ms, run);
  };
  const watch = new TlsFilesWatch({ ...systemClock, after }, files, () => void told++, 5);
  const threeLooks = async () => {
    const before = looks;
    await eventually("three looks", () => looks >= before + 4, { everyMs: 5 });
  };
  watch.start();
  try {
    await threeLooks();
    expect(told).toBe(0);
    rmSync(files.cert.path);
    await threeLooks();
    expect(told).toBe(0);
    writeFileSync(files.cert.path, "another");
    await eventually("the change", () => told > 0);
    await threeLooks();
    expect(told).toBe(1);
  } finally {
    await watch.stop();
  }
});
