// Bytes as text.

/** null: it is neither. What is both (an even number of hex digits) is hex, as everybody in the field reads it. */
export function hexOrBase64(text: string): Buffer | null {
  if (text.length % 2 === 0 && /^[0-9a-f]+$/i.test(text)) return Buffer.from(text, "hex");
  return /^[A-Za-z0-9+/]+={0,2}$/.test(text) ? Buffer.from(text, "base64") : null;
}
