/**
 * Bytes as text, one character for each: what requests and replies are in the tables of the tests.
 * "\xff\0" are two bytes; characters above "\xff" are none, and refused.
 */

const charactersPerCall = 4096;

export function toBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0xff) throw new RangeError(`Cannot send ${JSON.stringify(text[i])}: not a byte`);
    bytes[i] = code;
  }
  return bytes;
}

export function toText(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += charactersPerCall) {
    text += String.fromCharCode(...bytes.subarray(at, at + charactersPerCall));
  }
  return text;
}

/** The request as an array of bulk strings. */
export function encodeRequest(args: readonly string[]): string {
  let text = `*${args.length}\r\n`;
  for (const argument of args) text += `$${argument.length}\r\n${argument}\r\n`;
  return text;
}

const shownCharactersMax = 400;

/** Text to be read by people: quoted, escaped, and cut where it is long. */
export function show(text: string): string {
  const cut = text.length > shownCharactersMax;
  const shown = JSON.stringify(cut ? text.slice(0, shownCharactersMax) : text)
    .replace(/[\x7f-\xff]/g, escapeByte)
    .replace(/\\u00([0-9a-f]{2})/g, "\\x$1");
  return cut ? `${shown} and ${text.length - shownCharactersMax} more` : shown;
}

function escapeByte(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
}
