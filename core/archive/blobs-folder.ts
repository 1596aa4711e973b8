// An archive in a folder, on a disk or a mounted share. Written beside, synced, then renamed, then the folder synced:
// whatever moment a crash picks, a name holds all of its bytes or does not exist.
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";

import { messageOf, WattlogError } from "../runtime/errors.ts";
import { isBlobName, type Blobs } from "./blobs.ts";

/** Of files that are not whole; a leading dot keeps them out of lists. */
const unfinished = ".unfinished-";

export class FolderBlobs implements Blobs {
  readonly place: string;
  private count = 0;

  constructor(folder: string) {
    this.place = folder;
  }

  /** One writer at a time: between looking and renaming nobody else may take the name. */
  async put(name: string, bytes: Uint8Array): Promise<"stored" | "taken"> {
    const file = this.pathOf(name);
    const beside = join(dirname(file), `${unfinished}${process.pid}-${++this.count}`);
    return this.reaching(async () => {
      await makeFolders(dirname(file), this.place);
      if (await exists(file)) return "taken";
      try {
        const handle = await open(beside, "w", 0o600);
        try {
          await handle.writeFile(bytes);
          await handle.sync();
        } finally {
          await handle.close();
        }
        await rename(beside, file);
      } catch (error) {
        await rm(beside, { force: true });
        throw error;
      }
      await syncFolder(dirname(file));
      return "stored";
    });
  }

  get(name: string): Promise<Uint8Array | undefined> {
    return this.reaching(async () => {
      try {
        return await readFile(this.pathOf(name));
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    });
  }

  list(folder: string, after: string, limit: number): Promise<readonly string[]> {
    return this.reaching(async () => {
      const names = await readdir(this.pathOf(folder)).catch((error: unknown) => {
        if (isMissing(error)) return [];
        throw error;
      });
      return names
        .filter((name) => name > after && !name.startsWith(unfinished))
        .toSorted()
        .slice(0, limit);
    });
  }

  close(): void {}

  private pathOf(name: string): string {
    if (!isBlobName(name)) throw new RangeError(`${name} is no name of an archive.`);
    return join(this.place, name);
  }

  private async reaching<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      const sentence = `The archive ${this.place} cannot be used: ${messageOf(cause)}. Check the disk or share (mounted, space, rights).`;
      throw new WattlogError("log/unavailable", sentence, { cause });
    }
  }
}

/** Each new folder is synced into the one that holds it. */
async function makeFolders(folder: string, root: string): Promise<void> {
  if (await exists(folder)) return;
  if (folder !== root && folder !== dirname(folder)) await makeFolders(dirname(folder), root);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await syncFolder(dirname(folder));
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | null)?.code === "ENOENT";
}
