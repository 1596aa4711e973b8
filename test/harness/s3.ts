// A bucket of a test's own on the S3-compatible server of the run.
import { randomUUID } from "node:crypto";

import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";

import type { S3Server } from "../../tools/servers/protocol.ts";

/** Sets this process's credentials: any will do there. */
export async function makeBucket({ url }: S3Server): Promise<{ readonly endpoint: string; readonly bucket: string }> {
  Object.assign(process.env, s3Credentials);
  const client = new S3Client({ endpoint: url, region: "us-east-1", forcePathStyle: true });
  const bucket = `wattlog-${randomUUID()}`;
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
  return { endpoint: url, bucket };
}

export const s3Credentials = { AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test-secret" } as const;
