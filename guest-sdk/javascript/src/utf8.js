/** @file Text as UTF-8 bytes and back: QuickJS has neither TextEncoder nor TextDecoder. */

/** The text's bytes; a lone surrogate becomes U+FFFD. */
export function encodeUtf8(text) {
  const bytes = [];
  for (const character of text.toWellFormed()) {
    const code = character.codePointAt(0);
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 0x3f));
    else if (code < 0x1_0000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
    else {
      bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 0x3f), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
    }
  }
  return Uint8Array.from(bytes);
}

/** The bytes as text; undefined if they are not UTF-8. */
export function decodeUtf8(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes[at]);
    const code = length === 0 ? -1 : codeAt(bytes, at, length);
    if (code < 0) return undefined;
    text += String.fromCodePoint(code);
    at += length;
  }
  return text;
}

/** The bytes as text, U+FFFD in place of each byte that is not UTF-8. */
export function decodeUtf8Lossy(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes[at]);
    const code = length === 0 ? -1 : codeAt(bytes, at, length);
    text += code < 0 ? "\ufffd" : String.fromCodePoint(code);
    at += code < 0 ? 1 : length;
  }
  return text;
}

function sequenceLength(first) {
  if (first < 0x80) return 1;
  if (first < 0xc2) return 0;
  if (first < 0xe0) return 2;
  if (first < 0xf0) return 3;
  return first < 0xf5 ? 4 : 0;
}

/** The code point, or -1 if there is none: cut short, too long for what it says, a surrogate, or beyond Unicode. */
function codeAt(bytes, at, length) {
  if (length === 1) return bytes[at];
  let code = bytes[at] & (0x7f >> length);
  for (let i = 1; i < length; i++) {
    const byte = bytes[at + i];
    if (byte === undefined || (byte & 0xc0) !== 0x80) return -1;
    code = (code << 6) | (byte & 0x3f);
  }
  const least = [0, 0, 0x80, 0x800, 0x1_0000][length];
  const isSurrogate = code >= 0xd800 && code < 0xe000;
  return code < least || isSurrogate || code > 0x10_ffff ? -1 : code;
}
