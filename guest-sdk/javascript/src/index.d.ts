/**
 * Write Weir actions in JavaScript and TypeScript.
 *
 * An *action* is a function that Weir runs for events of the kinds it listens to: one event of a key after another, and
 * each with effect exactly once. It reads and changes its key's memory, emits events, and makes durable calls and HTTP
 * requests; all of that takes effect when it completes, and none of it if it fails.
 *
 * ```ts
 * import { actions, on } from "weir";
 *
 * export default actions({
 *   count: on("input", (quake: Quake, ctx) => {
 *     const n = ctx.memory.update("count", (n) => n + 1, 0);
 *     if (n > 10) ctx.emit("swarm", quake);
 *   }),
 *   page: on("swarm", (quake: Quake, ctx) => {
 *     ctx.output(ctx.post("https://pager.example.com/page", quake).json());
 *   }),
 * });
 * ```
 *
 * Actions are plain functions: a call blocks, and the host lets other keys go on meanwhile.
 *
 * @packageDocumentation
 */

/**
 * Lists the actions of a component, by name, in the order in which Weir runs those that listen to the same kind. It is
 * the module's default export.
 *
 * A name stands in the stored states: keep it over releases.
 */
export function actions<const Definitions extends Record<string, Action<any>>>(
  definitions: Definitions,
): Readonly<Definitions>;

/**
 * An action: runs `run` for events of a kind, or of several. `run` gets the event's payload and what it has at hand.
 * What it returns counts for nothing; what it throws is the action's failure. A payload that holds a number over all
 * doubles (1e400) is a failure of kind `payload`.
 */
export function on<Payload = any>(
  kinds: string | readonly string[],
  run: (payload: Payload, ctx: Context) => NotAPromise,
): Action<Payload>;

/**
 * As {@link on}, for an action that takes its payload as JSON text, as it is: nothing of it is read, so numbers stay as
 * they are written, and one that JavaScript can't hold (1e400) is no failure.
 */
export function onText(
  kinds: string | readonly string[],
  run: (payload: string, ctx: Context) => NotAPromise,
): Action<any>;

/** An action, as {@link on} and {@link onText} make it. */
export interface Action<in Payload = any> {
  readonly listensTo: readonly string[];
  readonly run: (payload: Payload, ctx: Context) => unknown;
}

/** What a function gives that is not async. */
export type NotAPromise =
  void | null | undefined | string | number | bigint | boolean | (object & { readonly then?: never });

/**
 * What an action has at hand: its event, its key's memory, and the host's functions.
 *
 * Everything here is the same again when the action is run again after a crash; so are `Date`, `Math.random` and
 * `crypto.randomUUID`.
 */
export interface Context {
  /** Short-term memory: it lives with the key. */
  readonly memory: Memory;
  /** Sensory memory: it lives for one run, from the input event to the last action it caused. */
  readonly sensory: Memory;

  /**
   * Emits an event for the actions that listen to its kind, to take effect when this action completes. Gives the
   * event's id.
   */
  emit(kind: string, payload: unknown): string;
  /** As {@link emit}, with a payload that is JSON text already. */
  emitText(kind: string, json: string): string;
  /** Emits an output event: it leaves by the sink when this action has completed. Gives the event's id. */
  output(payload: unknown): string;

  /**
   * A side effect, or work not to be done twice: runs `body` and records its outcome, failures too; when the action is
   * run again, gives what was recorded instead.
   *
   * `name` and `args` say which call it is. If the process dies after the effect and before the record, `body` is run
   * again with the same `call.id`: hand that to the other side as its idempotency key, or give a reconciler. Memory
   * can't be changed, nor events emitted, nor another durable call made in `body`: a replay would skip that.
   *
   * The result is what a replay gives: read from JSON, null in place of undefined; or a {@link Failure} with what was
   * recorded of it, and nothing else that it had when it was thrown. An error that is no Failure is recorded as a fatal
   * one of kind `error`.
   */
  durable<Result>(
    name: string,
    args: unknown,
    body: (call: Call) => Result & NotAPromise,
    options?: DurableOptions<NoInfer<Result>>,
  ): Result;
  /**
   * Makes several durable calls, each by one request, at once: opens all, sends their requests together, and records
   * each outcome. Gives all results, or throws the first failure in order.
   */
  durableAll<Results extends readonly unknown[] | []>(calls: {
    readonly [I in keyof Results]: RequestCall<Results[I]>;
  }): Results;
  /**
   * As {@link durableAll}, with a settled result for each. It throws, before anything is sent, if a call can't be made.
   */
  durableAllSettled<Results extends readonly unknown[] | []>(calls: {
    readonly [I in keyof Results]: RequestCall<Results[I]>;
  }): { -readonly [I in keyof Results]: Settled<Results[I]> };

  /**
   * Sends an HTTP request to an origin that the manifest grants, and gives its response. The request is a durable call:
   * its response is recorded and given again on replay, and it carries an `Idempotency-Key`, the same if it must be
   * sent again. In the body of a durable call it is part of that, and carries none of its own: give it `call.id`.
   *
   * Unlike the web's fetch it blocks, and throws for a status from 400 on, unless `anyStatus` is set: a Failure of kind
   * `http/status`, retryable for 408, 425, 429 and 5xx (not before the response's `Retry-After`), fatal for the others,
   * with details `{ status, text }`. Without any response: `http/timeout`, `http/connection` (retryable),
   * `http/denied`, `http/invalid-request`, `http/too-large` (fatal).
   */
  fetch(url: string, options?: FetchOptions): Response;
  /** A GET request, as {@link fetch} sends it. */
  get(url: string, options?: Omit<FetchOptions, "method" | "json" | "body">): Response;
  /** A POST request with a JSON body, as {@link fetch} sends it. */
  post(url: string, json?: unknown, options?: Omit<FetchOptions, "method" | "json">): Response;
  /** A PUT request with a JSON body, as {@link fetch} sends it. */
  put(url: string, json?: unknown, options?: Omit<FetchOptions, "method" | "json">): Response;
  /** A PATCH request with a JSON body, as {@link fetch} sends it. */
  patch(url: string, json?: unknown, options?: Omit<FetchOptions, "method" | "json">): Response;
  /** A DELETE request, as {@link fetch} sends it. */
  delete(url: string, options?: Omit<FetchOptions, "method">): Response;
  /** Sends requests at once. Gives all responses in their order, or throws the first failure in order. */
  fetchAll<const Requests extends readonly Request[]>(
    requests: Requests,
  ): { -readonly [I in keyof Requests]: Response };
  /** As {@link fetchAll}, with a settled result for each. */
  fetchAllSettled<const Requests extends readonly Request[]>(
    requests: Requests,
  ): { -readonly [I in keyof Requests]: Settled<Response> };

  /** The key that the event belongs to; percent-encoded if it is not UTF-8. */
  readonly key: string;
  /** Whether {@link key} is the key as it is, and not percent-encoded. */
  readonly keyIsText: boolean;
  /** How many input events this key had before this run's. */
  readonly sequenceNumber: number;
  /** Id of the event. */
  readonly eventId: string;
  /** Kind of the event. */
  readonly eventKind: string;
  /** Payload of the event, as JSON text. */
  readonly eventText: string;
  /** When the run's input event came about, as its source says, in milliseconds since 1970 UTC. */
  readonly sourceTimestampMs: number | undefined;
  /** A header of the run's input event. */
  header(name: string): string | undefined;
  /**
   * Milliseconds since 1970 UTC: when this action first started, or when its last durable call had its outcome. `Date`
   * shows the same.
   */
  nowMs(): number;
  /** A random whole number below 2^32. `Math.random` draws from the same. */
  randomU32(): number;
  /** A setting that the manifest gives this component as `config.NAME`. */
  config(name: string): string | undefined;
  /** A setting that the action can't do without: a fatal failure of kind `config` if the manifest has none. */
  requiredConfig(name: string): string;
}

/**
 * One of an action's two memories: a tree of objects whose leaves are JSON values, addressed by dotted paths
 * (`order.items.count`) or lists of names (`["seen", name]`, whose dots need no care). What an action sets, it reads
 * back at once; others see it when the action has completed, and not at all if it fails.
 *
 * A leaf holds any value that is JSON. Paths do not reach into a leaf; use a path for each part that changes by itself,
 * so that a change costs no more than that part. The empty path is the root.
 *
 * Failures: `memory/invalid-path`; `memory/type-mismatch` for a value over an object or below a leaf; `json` for a
 * value that is no JSON.
 */
export interface Memory {
  /** The value at the path, or the object there with all that is below it; undefined if nothing is there. */
  get<Value = any>(path: Path): Value | undefined;
  /** Puts a leaf. Missing parents are made. */
  set(path: Path, value: unknown): void;
  /** Sets the path to what `change` makes of the value there, or of `initial` where none is, and gives it. */
  update<Value>(path: Path, change: (value: Value) => Value, initial: Value): Value;
  /** `initial` may be left out where `change` takes undefined. */
  update<Value>(path: Path, change: (value: Value | undefined) => Value): Value;
  /** Removes the value, or the object with all below it; whether something was there. */
  delete(path: Path): boolean;
  /** Whether a value or an object is at the path. */
  has(path: Path): boolean;
  /**
   * Names of the fields of the object at the path, in the order of their UTF-8 bytes; undefined if no object is there.
   */
  fields(path?: Path): string[] | undefined;
  /** Makes an empty object; nothing happens where one is. */
  newObject(path: Path): void;
  /** As {@link get}, the JSON text as it is. */
  getText(path: Path): string | undefined;
  /** As {@link set}, of JSON text as it is. */
  setText(path: Path, json: string): void;
}

/** A place in memory: a dotted path (`\.` and `\\` for a dot and a backslash in a name), or a list of names. */
export type Path = string | readonly (string | number)[];

/** A durable call while it is open. */
export interface Call {
  /** Names this call and no other, the same again when it is executed again: the other side's idempotency key. */
  readonly id: string;
  /** What a reconciler gives for a call that happened and whose result may be null. */
  happened<Result>(result: Result): Happened<Result>;
}

/** Says of a call that it happened, whatever it gave. */
export interface Happened<Result> {
  readonly value: Result;
}

/**
 * Asked when a call was cut off between its effect and its record. The result: it happened. null or undefined: it never
 * did, so it is executed (`call.happened(null)`: it did, and gave null). A fatal failure: the outcome. A retryable
 * failure: unknown as yet; the attempt ends, and it is asked again; so it is after any other error, and after an answer
 * that is no JSON.
 */
export type Reconciler<Result> = (call: Call) => (Result & NotAPromise) | Happened<Result> | null | undefined;

/** More about a durable call. */
export interface DurableOptions<Result> {
  /** Makes the call reconcilable. */
  readonly reconcile?: Reconciler<Result>;
}

/** A durable call whose effect is one request, for {@link Context.durableAll}. */
export interface RequestCall<Result> {
  /** With `args` it says which call it is. */
  readonly name: string;
  readonly args: unknown;
  /** Its request; the call's id goes along as `Idempotency-Key`. */
  readonly request: Request;
  /** What the call's result is; the response's JSON if left out. */
  readonly read?: (response: Response) => Result;
  readonly reconcile?: Reconciler<Result>;
}

/** What came of one of several, as Promise.allSettled has it. */
export type Settled<Value> =
  | { readonly status: "fulfilled"; readonly value: Value; readonly reason?: undefined }
  | { readonly status: "rejected"; readonly reason: Failure; readonly value?: undefined };

/** A request: its URL, or that and more. */
export type Request = string | ({ readonly url: string } & FetchOptions);

/** More about a request. */
export interface FetchOptions {
  /** GET if left out, or POST if there is a body. */
  readonly method?: string;
  /** Parameters, encoded and put behind those that the URL has; without those that are undefined or null. */
  readonly query?: Readonly<Record<string, string | number | bigint | boolean | null | undefined>>;
  /** Headers. (A secret is named in the manifest, and put into its header by the host.) */
  readonly headers?: Readonly<Record<string, string>> | Iterable<readonly [string, string]>;
  /** A body of text, without halves of surrogate pairs, or bytes. */
  readonly body?: string | ArrayBuffer | ArrayBufferView | null;
  /** A JSON body, with its `Content-Type` unless one is set. */
  readonly json?: unknown;
  /** Gives up after this long; the host's own limit holds as well. */
  readonly timeoutMs?: number;
  /** Gives every response, whatever its status. */
  readonly anyStatus?: boolean;
}

/** An HTTP response, as it came or as it was recorded. */
export interface Response {
  readonly url: string;
  readonly status: number;
  /** Whether the status is from 200 to 299. */
  readonly ok: boolean;
  readonly headers: Headers;
  /** The body as text; a fatal failure of kind `http/body` if it is not UTF-8. */
  text(): string;
  /** The body, read as JSON; a fatal failure of kind `http/body` if it can't be. */
  json<Value = any>(): Value;
  /** The body as bytes; none if there is no body. */
  bytes(): Uint8Array;
}

/** The headers of a response, in the order they came in. */
export interface Headers extends Iterable<[string, string]> {
  /** The header of the name, in any case; several of one name joined by commas; null if there is none. */
  get(name: string): string | null;
  has(name: string): boolean;
  entries(): IterableIterator<[string, string]>;
}

/** More about a failure. */
export interface FailureOptions {
  /** Whether it may succeed when tried again; false unless `retryAfterMs` is given. */
  readonly retryable?: boolean;
  /** Not to be tried again before this long; the policy's backoff otherwise. */
  readonly retryAfterMs?: number;
  /** For code to read: a value that is JSON. */
  readonly details?: unknown;
}

/**
 * Why an action, or a durable call, did not succeed: recorded and replayed whole.
 *
 * A *retryable* one may succeed when tried again: the action is run again as the manifest's retry policy says. A
 * *fatal* one will not: the manifest's `on_failure` decides what becomes of the key. Any other error that an action
 * throws is a fatal failure of kind `error`.
 */
export class Failure extends Error {
  /** A failure; fatal, unless the options say otherwise. */
  constructor(kind: string, message: string, options?: FailureOptions);
  /** A failure that may be gone when it is tried again. */
  static retryable(kind: string, message: string, options?: Omit<FailureOptions, "retryable">): Failure;
  /** A failure that trying again would not mend. */
  static fatal(kind: string, message: string, options?: Omit<FailureOptions, "retryable">): Failure;
  /** What sort of failure, for code to tell failures apart, such as `card-declined` or `http/timeout`. */
  readonly kind: string;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;
  readonly details: any;
}
