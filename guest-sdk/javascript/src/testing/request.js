import { readJson } from "../json.js";
import { Headers } from "../response.js";
import { decodeUtf8, encodeUtf8 } from "../utf8.js";

/** A request that an action sent. */
export class TestRequest {
  #body;

  constructor({ method, url, headers, body, timeoutMs }) {
    this.method = method;
    this.url = url;
    this.headers = new Headers(headers);
    this.timeoutMs = timeoutMs ?? undefined;
    this.#body = body;
  }

  text() {
    return this.#body.text ?? decodeUtf8(this.bytes());
  }

  json() {
    return readJson(this.text());
  }

  bytes() {
    return this.#body.bytes ?? encodeUtf8(this.#body.text ?? "");
  }
}
