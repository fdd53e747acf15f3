/** Bytes as strings with a character for each, whatever their encoding: for names, rules and files' lines. */

const bytesPerCall = 4096;

export function binaryText(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += bytesPerCall) {
    text += String.fromCharCode(...bytes.subarray(at, at + bytesPerCall));
  }
  return text;
}

/** The contrary of `binaryText`. */
export function bytesOfBinaryText(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Two hexadecimal digits for each byte. */
export function hexText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
