// An explanation on paper: what a person hands to a customer, a calibration authority or a court.
import Document from "pdfkit";

import type { ShownExplanation } from "./explain-format.ts";
import { explanationSections, type Section } from "./explain-lines.ts";

const margin = 48;
const sizes = { title: 16, heading: 11, text: 8.5, raw: 7 } as const;
const lineHeight = 1.3;
/** Of Courier, in parts of its size: every character is as wide. */
const courierWidth = 0.6;

/** A4. Frames stand there verbatim, but what the fonts of a PDF cannot show is written as JSON escapes it. */
export async function explanationPdf(explanation: ShownExplanation): Promise<Buffer> {
  const title = `Session ${explanation.session.id} at ${explanation.session.stationId}`;
  const doc = new Document({ size: "A4", margin, bufferPages: true, info: { Title: shown(title) } });
  const chunks: Buffer[] = [];
  doc.on("data", (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise<void>((resolve, reject) => doc.on("end", resolve).on("error", reject));
  doc.font("Helvetica-Bold").fontSize(sizes.title).text("Charging session explained");
  for (const section of explanationSections(explanation)) addSection(doc, section);
  addFooters(doc, title);
  doc.end();
  await ended;
  return Buffer.concat(chunks);
}

function addSection(doc: PDFKit.PDFDocument, { title, lines, raw }: Section): void {
  doc.moveDown();
  startPageFor(doc, sizes.heading * 4);
  doc.font("Helvetica-Bold").fontSize(sizes.heading).text(shown(title), margin, doc.y);
  const size = raw ? sizes.raw : sizes.text;
  doc.font("Courier").fontSize(size);
  const chars = Math.floor((doc.page.width - 2 * margin) / (size * courierWidth));
  for (const line of lines) {
    for (const piece of wrapped(shown(line), chars)) {
      startPageFor(doc, size * lineHeight);
      // Breaking lines is done: pdfkit's own is slow, and drops the blanks that frames may hold.
      doc.text(piece, margin, doc.y, { lineBreak: false });
      doc.y += size * lineHeight - doc.currentLineHeight();
    }
  }
}

function startPageFor(doc: PDFKit.PDFDocument, height: number): void {
  if (doc.y + height > doc.page.height - margin) doc.addPage();
}

function addFooters(doc: PDFKit.PDFDocument, title: string): void {
  const { count } = doc.bufferedPageRange();
  for (let page = 0; page < count; page++) {
    doc.switchToPage(page);
    // Below the margin, where a text would begin a page of its own.
    doc.page.margins.bottom = 0;
    doc.font("Helvetica").fontSize(sizes.raw);
    doc.text(`${shown(title)}, page ${page + 1} of ${count}`, margin, doc.page.height - margin / 2 - sizes.raw, {
      lineBreak: false,
    });
  }
}

function wrapped(text: string, chars: number): string[] {
  if (text.length <= chars) return [text];
  const pieces = [text.slice(0, chars)];
  const indent = "    ";
  for (let at = chars; at < text.length; at += chars - indent.length) {
    pieces.push(indent + text.slice(at, at + chars - indent.length));
  }
  return pieces;
}

/** The standard fonts have Latin-1 alone. */
function shown(text: string): string {
  return text.replaceAll(/[^\x20-\x7e\xa0-\xff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
