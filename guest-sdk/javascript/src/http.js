import { Failure } from "./failure.js";
import { host } from "./host.js";
import { writeJson } from "./json.js";
import { Response } from "./response.js";

const OPTIONS = ["method", "query", "headers", "body", "json", "timeoutMs", "anyStatus"];

/** What UTF-8 can't say. */
const HALF = "holds half of a surrogate pair";

/** Sends one request and gives its response. */
export function fetch(url, options) {
  const request = requestOf({ url, ...options });
  return responseOf(request, host().send(request));
}

/** Sends requests at once and gives settled results. */
export function fetchAllSettled(requests) {
  return answersOf(Array.from(requests, requestOf));
}

/** The same for requests that are made already. */
export function answersOf(requests) {
  return host()
    .sendAll(requests)
    .map((answer, i) => {
      try {
        return { status: "fulfilled", value: responseOf(requests[i], answer) };
      } catch (reason) {
        return { status: "rejected", reason };
      }
    });
}

/** All values, or the first failure. */
export function allOf(results) {
  return results.map(({ status, value, reason }) => {
    if (status === "rejected") throw reason;
    return value;
  });
}

/** What the user gave, as the contract's request. Refuses what the web's fetch might have taken and this does not. */
export function requestOf(given) {
  const { url: address, query, ...options } = typeof given === "string" ? { url: given } : given;
  if (typeof address !== "string") throw invalid(String(address), "a URL is a text");
  const url = withQuery(address, query ?? {});
  const unknown = Object.keys(options).find((name) => !OPTIONS.includes(name));
  if (unknown !== undefined) throw invalid(url, `there is no option \`${unknown}\`, but ${OPTIONS.join(", ")}`);
  const { json, body = null, timeoutMs, anyStatus = false } = options;
  if (json !== undefined && body !== null) throw invalid(url, "both `json` and `body` are given");
  const request = {
    method: options.method ?? (json === undefined && body === null ? "GET" : "POST"),
    url,
    headers: headersOf(options.headers ?? {}),
    body: json === undefined ? bodyOf(url, body) : { text: writeJson(json, `the body for ${url}`) },
    timeoutMs: timeoutOf(url, timeoutMs),
    anyStatus,
  };
  if (json !== undefined && !hasHeader(request, "content-type")) {
    request.headers.push(["Content-Type", "application/json"]);
  }
  const texts = [request.method, url, ...request.headers.flat()];
  const odd = texts.find((text) => typeof text !== "string" || !text.isWellFormed());
  if (odd !== undefined) throw invalid(url, `${JSON.stringify(odd)} is no text of whole characters`);
  return request;
}

export function hasHeader(request, wanted) {
  return request.headers.some(([name]) => name.toLowerCase() === wanted);
}

/** The URL with these parameters behind those that it has. */
function withQuery(url, query) {
  const present = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
  if (present.length === 0) return url;
  const encoded = (text) => {
    if (!text.isWellFormed()) throw invalid(url, `${JSON.stringify(text)} in its query ${HALF}`);
    return encodeURIComponent(text);
  };
  const added = present.map((pair) => pair.map((text) => encoded(String(text))).join("=")).join("&");
  const [, start, fragment] = /^([^#]*)(.*)$/s.exec(url);
  return `${start}${start.includes("?") ? "&" : "?"}${added}${fragment}`;
}

function headersOf(headers) {
  const pairs = typeof headers[Symbol.iterator] === "function" ? [...headers] : Object.entries(headers);
  return pairs.map(([name, value]) => [String(name), String(value)]);
}

function bodyOf(url, body) {
  if (body === null) return {};
  if (typeof body === "string") {
    if (!body.isWellFormed()) throw invalid(url, `its \`body\` ${HALF}: give text of whole characters, or bytes`);
    return { text: body };
  }
  if (body instanceof ArrayBuffer) return { bytes: new Uint8Array(body) };
  if (ArrayBuffer.isView(body)) return { bytes: new Uint8Array(body.buffer, body.byteOffset, body.byteLength) };
  throw invalid(url, "its `body` is neither text nor bytes: give a value as `json`");
}

function timeoutOf(url, timeoutMs) {
  if (timeoutMs === undefined) return null;
  if (typeof timeoutMs !== "number" || !(timeoutMs >= 0)) {
    throw invalid(url, `its timeoutMs is ${String(timeoutMs)}: give milliseconds`);
  }
  return Math.min(Math.ceil(timeoutMs), 0xffff_ffff);
}

function invalid(url, why) {
  return new Failure("http/invalid-request", `${url}: ${why}`);
}

/** What the host answered, `{ response }` or `{ error }`, as a response or a failure. */
function responseOf({ url, anyStatus }, { response, error }) {
  if (error !== undefined) throw noResponse(error, url);
  const answered = new Response(url, response);
  if (answered.status >= 400 && !anyStatus) throw answered.failure();
  return answered;
}

function noResponse({ tag, val }, url) {
  switch (tag) {
    case "timeout":
      return Failure.retryable("http/timeout", `no answer from ${url} in time`);
    case "denied":
    case "invalid-request":
    case "too-large":
      return Failure.fatal(`http/${tag}`, `${url}: ${val}`);
    default:
      return Failure.retryable(`http/${tag}`, `${url}: ${val}`);
  }
}
