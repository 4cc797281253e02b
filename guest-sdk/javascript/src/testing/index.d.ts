/**
 * Unit tests of actions: natively, without a host.
 *
 * A {@link TestKey} is one key with its memory. Run actions on it, then look at what they emitted and remember. What
 * the host promises holds here too: an action that fails leaves nothing behind, durable calls are recorded and
 * replayed, changes inside a durable call's body are refused.
 *
 * ```js
 * import assert from "node:assert/strict";
 * import test from "node:test";
 * import { TestKey } from "weir/testing";
 * import quakes from "../src/actions.js";
 *
 * test("the pager is asked until it answers", () => {
 *   const key = new TestKey("Taiwan");
 *   key.onRequest(() => 503);
 *   assert.throws(() => key.run(quakes.page, { place: "Hualian" }), { kind: "http/status", retryable: true });
 *   key.onRequest(() => ({ json: "ticket 7" }));
 *   assert.deepEqual(key.again().outputs, ["ticket 7"]); // the next attempt
 *   assert.deepEqual(key.again().outputs, ["ticket 7"]); // a replay: asks nobody
 *   assert.equal(key.requests.length, 2);
 * });
 * ```
 *
 * @packageDocumentation
 */

import type { Action, Failure, Headers, Memory } from "../index.js";

/** One key with its memory, and a host for the actions that a test runs on it. */
export class TestKey {
  /** A key whose memory is empty. Its clock shows 2023-11-14 22:13:20 UTC. */
  constructor(key: string, options?: { config?: Record<string, string>; headers?: Record<string, string> });

  /**
   * Runs the action for a new input event with this payload: sensory memory is empty at the start. Throws what the host
   * would be told: a {@link Failure}; nothing of what the action did is seen then.
   */
  run<Payload>(action: Action<Payload>, payload: Payload): Completed;
  /**
   * Runs the action as a further one of the same run, for an event that one before it emitted: sensory memory stays.
   */
  follow<Payload>(action: Action<Payload>, payload: Payload): Completed;
  /**
   * Runs the last action again for the same event, from the memory before it, with the calls recorded so far: its next
   * attempt if it failed, or, if it completed, as after a crash just before its completion was durable. Give another
   * action to run another version of it.
   */
  again(action?: Action<any>): Completed;

  /**
   * Lets the process die in the next attempt, after the effect of this durable call and before its outcome is recorded;
   * that attempt fails with kind `crash`. A request's name is `METHOD origin/path`.
   */
  crashIn(name: string): void;
  /** Answers the requests of the actions. */
  onRequest(respond: (request: TestRequest) => TestResponse): void;
  /** Sets the source timestamp of the next runs, and with it their clock. */
  at(time: Date | number): void;

  /** Short-term memory: to be looked at, and to be arranged before an action runs. */
  readonly memory: Memory;
  /** Sensory memory, as the last action left it. */
  readonly sensory: Memory;
  /** The component's settings, to be changed at will. */
  config: Record<string, string>;
  /** The headers of the next runs' input events. */
  headers: Record<string, string>;

  /** Durable calls and requests of the last attempt, in the order in which their outcomes came. */
  readonly calls: readonly TestCall[];
  /** What the last attempt logged. */
  readonly logs: readonly { readonly level: "trace" | "debug" | "info" | "warn" | "error"; readonly message: string }[];
  /** All requests that were sent since the key was made. */
  readonly requests: readonly TestRequest[];
}

/** What an action did that completed. */
export interface Completed {
  /** The events it emitted for other actions, in order. */
  readonly events: readonly { readonly kind: string; readonly payload: any }[];
  /** The payloads of its output events, in order. */
  readonly outputs: readonly any[];
}

/** A durable call of an attempt. */
export interface TestCall {
  /** Its name; of a request `METHOD origin/path`. */
  readonly name: string;
  /** Whether its outcome was recorded by an earlier attempt, and the call not made again. */
  readonly replayed: boolean;
  /** What it gave; undefined if it failed. */
  readonly result?: any;
  /** Why it failed. */
  readonly failure?: Failure;
}

/** A request that an action sent. */
export interface TestRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly timeoutMs: number | undefined;
  text(): string;
  json<Value = any>(): Value;
  bytes(): Uint8Array;
}

/** How a test answers a request: a status alone; a response, of status 200 if none is said; or why there is none. */
export type TestResponse =
  | number
  | {
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly json?: unknown;
      readonly text?: string;
      readonly bytes?: Uint8Array;
    }
  | {
      readonly error: "timeout" | "connection" | "denied" | "invalid-request" | "too-large" | "other";
      readonly message?: string;
    };
