// An archive in a bucket of an S3-compatible server. The only product file that names @aws-sdk/client-s3 (3.1173.0), which
// is loaded with the first request: whoever archives to a folder, or nowhere, never does.
import type { S3Client } from "@aws-sdk/client-s3";

import { messageOf, WattlogError } from "../runtime/errors.ts";
import { isBlobName, type Blobs } from "./blobs.ts";

type Library = typeof import("@aws-sdk/client-s3");

/** Of one request, its answer included: a segment is some megabytes. */
const requestMs = 60_000;
const connectMs = 5_000;
/** The library repeats what a server or the network refused for the moment. */
const attempts = 4;

export interface S3Options {
  readonly bucket: string;
  /** Empty, or ends with a slash. */
  readonly prefix: string;
  readonly region: string;
  /** Empty: Amazon's, by region. */
  readonly endpoint: string;
}

export class S3Blobs implements Blobs {
  readonly place: string;
  private readonly options: S3Options;
  private opened: Promise<{ readonly library: Library; readonly client: S3Client }> | undefined;

  constructor(options: S3Options) {
    this.options = options;
    this.place = `s3://${options.bucket}/${options.prefix}`;
  }

  /** The server itself refuses a name that is taken; one that knows no conditions would not, so the name is asked for first. */
  put(name: string, bytes: Uint8Array): Promise<"stored" | "taken"> {
    return this.reaching(async ({ library, client }) => {
      const at = this.at(name);
      if (await exists(library, client, at)) return "taken";
      try {
        await client.send(
          new library.PutObjectCommand({ ...at, Body: bytes, ContentLength: bytes.length, IfNoneMatch: "*" }),
        );
        return "stored";
      } catch (error) {
        // The second: another one is writing it at this moment.
        if (statusOf(error) === 412 || statusOf(error) === 409) return "taken";
        throw error;
      }
    });
  }

  get(name: string): Promise<Uint8Array | undefined> {
    return this.reaching(async ({ library, client }) => {
      try {
        const { Body } = await client.send(new library.GetObjectCommand(this.at(name)));
        return await Body?.transformToByteArray();
      } catch (error) {
        if (error instanceof library.NoSuchKey) return undefined;
        throw error;
      }
    });
  }

  list(folder: string, after: string, limit: number): Promise<readonly string[]> {
    return this.reaching(async ({ library, client }) => {
      const { Bucket, Key } = this.at(folder);
      const Prefix = `${Key}/`;
      const names: string[] = [];
      let StartAfter = `${Prefix}${after}`;
      for (;;) {
        const MaxKeys = Math.min(limit - names.length, 1000);
        const page = await client.send(new library.ListObjectsV2Command({ Bucket, Prefix, StartAfter, MaxKeys }));
        const keys = (page.Contents ?? []).flatMap((object) => (object.Key === undefined ? [] : [object.Key]));
        names.push(...keys.map((key) => key.slice(Prefix.length)));
        if (!page.IsTruncated || names.length >= limit || keys.length === 0) return names;
        StartAfter = keys.at(-1)!;
      }
    });
  }

  close(): void {
    void this.opened?.then(
      ({ client }) => client.destroy(),
      () => undefined,
    );
  }

  private at(name: string): { readonly Bucket: string; readonly Key: string } {
    if (!isBlobName(name)) throw new RangeError(`${name} is no name of an archive.`);
    return { Bucket: this.options.bucket, Key: this.options.prefix + name };
  }

  private async open(): Promise<{ readonly library: Library; readonly client: S3Client }> {
    const library = await import("@aws-sdk/client-s3");
    const { region, endpoint } = this.options;
    const client = new library.S3Client({
      region,
      maxAttempts: attempts,
      requestHandler: { requestTimeout: requestMs, connectionTimeout: connectMs },
      // A bucket as a host name is Amazon's way; others have it in the path.
      ...(endpoint === "" ? {} : { endpoint, forcePathStyle: true }),
    });
    return { library, client };
  }

  private async reaching<T>(
    work: (opened: { readonly library: Library; readonly client: S3Client }) => Promise<T>,
  ): Promise<T> {
    try {
      this.opened ??= this.open();
      return await work(await this.opened);
    } catch (cause) {
      if (cause instanceof RangeError) throw cause;
      const sentence = `The archive ${this.place} cannot be used: ${messageOf(cause)}. Check the bucket, WATTLOG_ARCHIVE_S3_ENDPOINT and the credentials.`;
      throw new WattlogError("log/unavailable", sentence, { cause });
    }
  }
}

async function exists(
  library: Library,
  client: S3Client,
  at: { readonly Bucket: string; readonly Key: string },
): Promise<boolean> {
  try {
    await client.send(new library.HeadObjectCommand(at));
    return true;
  } catch (error) {
    if (statusOf(error) === 404) return false;
    throw error;
  }
}

function statusOf(error: unknown): number | undefined {
  return (error as { readonly $metadata?: { readonly httpStatusCode?: number } } | null)?.$metadata?.httpStatusCode;
}
