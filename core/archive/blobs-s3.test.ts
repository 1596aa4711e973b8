import { randomUUID } from "node:crypto";

import { makeBucket } from "../../test/harness/s3.ts";
import { serversForTests } from "../../tools/servers/ensure.ts";
import { S3Blobs } from "./blobs-s3.ts";
import { blobsContract } from "./blobs.contract.ts";

const { servers, missing } = await serversForTests(["s3"]);

blobsContract(
  "a bucket of an S3-compatible server",
  async () => {
    const { endpoint, bucket } = await makeBucket(servers.s3!);
    const at = { bucket, prefix: `${randomUUID()}/`, region: "us-east-1", endpoint };
    return {
      open: () => new S3Blobs(at),
      away: () => new S3Blobs({ ...at, bucket: "no-such-bucket" }),
      end: async () => undefined,
    };
  },
  async () => missing,
);
