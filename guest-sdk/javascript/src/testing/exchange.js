import { Failure } from "../failure.js";
import { writeJson } from "../json.js";
import { isRetryableStatus } from "../response.js";
import { endWith } from "../trap.js";

/** Has the test answer a request. What it gives wrongly ends the attempt with an error that says so. */
export function exchange(request, respond) {
  const what = `${request.method} ${request.url}`;
  if (respond === undefined) endWith(new Error(`${what} was sent, and nobody answers: call key.onRequest`));
  let given;
  try {
    given = respond(request);
  } catch (thrown) {
    endWith(thrown); // The test's own: an assertion, say.
  }
  return answerOf(given, (why) => endWith(new Error(`the answer to ${what} ${why}`)));
}

const FIELDS = ["status", "headers", "json", "text", "bytes", "error", "message"];
const ERRORS = ["timeout", "connection", "denied", "invalid-request", "too-large", "other"];

function answerOf(given, refuse) {
  if (typeof given === "number") return answerOf({ status: given }, refuse);
  if (typeof given !== "object" || given === null) refuse("is neither a status nor an object");
  const unknown = Object.keys(given).find((name) => !FIELDS.includes(name));
  if (unknown !== undefined) refuse(`has a field \`${unknown}\`; there are ${FIELDS.join(", ")}`);
  const { status = 200, headers = {}, json, text, bytes, error, message = "" } = given;
  if (error !== undefined) {
    if (!ERRORS.includes(error)) refuse(`has error \`${error}\`; there are ${ERRORS.join(", ")}`);
    return { error: error === "timeout" ? { tag: error } : { tag: error, val: message } };
  }
  const body = json === undefined ? { text, bytes } : { text: writeJson(json, "the answer") };
  return { response: { status, headers: Object.entries(headers), body } };
}

/**
 * An answer as a recorded outcome, which holds it so that a replay gives it back. Statuses that may be gone next time
 * count as retryable failures.
 */
export function outcomeOfAnswer(answer) {
  const { response, error } = answer;
  if (error !== undefined) return { failure: Failure.retryable(`http/${error.tag}`, error.val ?? ""), answer };
  if (!isRetryableStatus(response.status)) return { ok: writeJson(shown(response), "the response"), answer };
  return { failure: Failure.retryable("http/status", String(response.status)), answer };
}

/** The answer that was recorded. */
export function answerOfOutcome(outcome) {
  return outcome.answer;
}

function shown({ status, headers, body: { text, bytes } }) {
  return { status, headers, body: text ?? (bytes === undefined ? null : Array.from(bytes)) };
}
