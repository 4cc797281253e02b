import { Failure } from "./failure.js";
import { readJson } from "./json.js";
import { decodeUtf8, decodeUtf8Lossy, encodeUtf8 } from "./utf8.js";

/** So much of a body goes into the details of a failure. */
const DETAILS_CHARACTERS_MAX = 1000;

export class Headers {
  #pairs;

  constructor(pairs) {
    this.#pairs = pairs;
  }

  get(name) {
    const wanted = String(name).toLowerCase();
    const found = this.#pairs.filter(([given]) => given.toLowerCase() === wanted);
    return found.length === 0 ? null : found.map(([, value]) => value).join(", ");
  }

  has(name) {
    return this.get(name) !== null;
  }

  *[Symbol.iterator]() {
    for (const [name, value] of this.#pairs) yield [name.toLowerCase(), value];
  }

  entries() {
    return this[Symbol.iterator]();
  }
}

export class Response {
  #body;

  constructor(url, { status, headers, body }) {
    this.url = url;
    this.status = status;
    this.headers = new Headers(headers);
    this.#body = body;
  }

  get ok() {
    return this.status >= 200 && this.status < 300;
  }

  text() {
    const { text, bytes } = this.#body;
    const decoded = text ?? (bytes === undefined ? "" : decodeUtf8(bytes));
    if (decoded === undefined) throw new Failure("http/body", `the answer of ${this.url} is no text`);
    return decoded;
  }

  json() {
    const text = this.text();
    try {
      return readJson(text);
    } catch (error) {
      throw new Failure("http/body", `the answer of ${this.url} can't be read as JSON: ${error.message}`);
    }
  }

  bytes() {
    const { text, bytes } = this.#body;
    return bytes === undefined ? encodeUtf8(text ?? "") : Uint8Array.from(bytes);
  }

  failure() {
    const { status, url } = this;
    const { text, bytes } = this.#body;
    const start = Array.from((text ?? decodeUtf8Lossy(bytes ?? [])).slice(0, 2 * DETAILS_CHARACTERS_MAX));
    const details = { status, text: start.slice(0, DETAILS_CHARACTERS_MAX).join("") };
    const retryable = isRetryableStatus(status);
    const retryAfterMs = retryable ? this.#retryAfterMs() : undefined;
    return new Failure("http/status", `${url} answered ${status}`, { retryable, retryAfterMs, details });
  }

  /** `Retry-After` in seconds, of nine digits at most. (Its other form, a date, would need the other side's clock.) */
  #retryAfterMs() {
    const header = this.headers.get("retry-after")?.trim() ?? "";
    return /^\d{1,9}$/.test(header) ? Number(header) * 1000 : undefined;
  }
}

/** Whether the same request may get another answer later. */
export function isRetryableStatus(status) {
  return status === 408 || status === 425 || status === 429 || status >= 500;
}
