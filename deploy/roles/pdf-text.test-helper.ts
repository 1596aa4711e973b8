// What an explanation's PDF says.
import { inflateSync } from "node:zlib";

/** Of the content streams: the hex strings of their TJ operators, joined. */
export function textOfPdf(pdf: Buffer): string {
  const text = pdf.toString("latin1");
  const streams = [...text.matchAll(/\/Length (\d+)[^>]*>>\s*stream\r?\n/g)].map((match) => {
    const from = match.index + match[0].length;
    return inflateSync(pdf.subarray(from, from + Number(match[1]))).toString("latin1");
  });
  const shows = streams.join("\n").matchAll(/\[(.*?)\] TJ/g);
  return Array.from(shows, ([, parts]) =>
    Array.from(parts!.matchAll(/<([0-9a-f]*)>/g), ([, hex]) => Buffer.from(hex!, "hex").toString("latin1")).join(""),
  ).join("\n");
}
