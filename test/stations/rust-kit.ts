// The crate `ocpp-charge-point` with the hardware that it drives, compiled by the machine's own cargo.
import { copyFileSync, rmSync } from "node:fs";
import { join } from "node:path";

import { installKit, kitFolder, runOrMissing, type Missing } from "./kit.ts";

/** Two hundred crates: two minutes of two processors, more where others work. */
export const compileTimeoutMs = 1_200_000;

/** @returns the station's program, or the words of a skip. */
export async function rustStation(): Promise<{ readonly program: string } | Missing> {
  const kit = await installKit("rust", ["rust/Cargo.toml", "rust/Cargo.lock", "rust/src/main.rs"], async (folder) => {
    await runOrMissing("cargo", ["--version"], "needs cargo of Rust 1.88 or newer: https://rustup.rs");
    const target = join(folder, "target");
    const manifest = join(kitFolder, "rust", "Cargo.toml");
    const args = ["build", "--quiet", "--locked", "--manifest-path", manifest, "--target-dir", target];
    const sentence = "needs crates.io and Rust 1.88 or newer to compile ocpp-charge-point once";
    await runOrMissing("cargo", args, sentence, { timeoutMs: compileTimeoutMs });
    copyFileSync(join(target, "debug", "station"), join(folder, "station"));
    rmSync(target, { recursive: true });
  });
  return "missing" in kit ? kit : { program: join(kit.folder, "station") };
}
