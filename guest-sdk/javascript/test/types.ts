// Compiled by `types.test.js`, not run: what TypeScript takes, and what it refuses.

import { actions, Failure, on, onText } from "weir";
import type { Context, Response, Settled } from "weir";
import { TestKey } from "weir/testing";

interface Quake {
  magnitude: number | null;
  place: string;
}

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function is<A, B>(..._: Same<A, B> extends true ? [] : ["differ", A, B]): void {}

const quakes = actions({
  count: on("input", (quake: Quake, ctx) => {
    is<typeof ctx, Context>();
    const n = ctx.memory.update("count", (n) => n + 1, 0);
    is<typeof n, number>();
    const place = ctx.memory.get<string>("place") ?? "nowhere";
    is<typeof place, string>();
    if (n > 10) ctx.emit("swarm", { ...quake, place });
  }),
  page: on<Quake>(["swarm", "alarm"], (quake, ctx) =>
    ctx.output(ctx.post("https://x/", quake).json<{ id: string }>().id),
  ),
  any: on("any", (payload, ctx) => ctx.output(payload.whatever)),
  text: onText("text", (text, ctx) => {
    is<typeof text, string>();
    ctx.emitText("output", text);
  }),
});
export default quakes;

on("x", (_, ctx) => {
  const fee = ctx.durable("fee", [1], ({ id }) => id.length);
  is<typeof fee, number>();
  const charge = ctx.durable("charge", fee, (call) => ({ id: call.id }), {
    reconcile: (call) => (call.id === "" ? null : { id: "a" }),
  });
  is<typeof charge, { id: string }>();
  ctx.durable("nothing", null, () => {});
  const maybe = ctx.durable("maybe", null, () => null as string | null, { reconcile: (call) => call.happened(null) });
  is<typeof maybe, string | null>();
  const [a, b] = ctx.durableAll([
    { name: "a", args: 1, request: "https://x/", read: (response) => response.text() },
    { name: "b", args: 1, request: { url: "https://x/", json: 1 }, read: (response) => response.status },
  ]);
  is<typeof a, string>();
  is<typeof b, number>();
  const each = ctx.durableAllSettled(
    ["a", "b"].map((shop) => ({ name: "q", args: shop, request: shop, read: (r: Response) => r.text() })),
  );
  is<(typeof each)[number], Settled<string>>();
  const [first, second] = ctx.fetchAll(["https://x/", { url: "https://x/", method: "PUT", anyStatus: true }]);
  is<typeof first, Response>();
  is<typeof second, Response>();
  for (const settled of ctx.fetchAllSettled(["https://x/"])) {
    if (settled.status === "rejected") is<typeof settled.reason, Failure>();
    else is<typeof settled.value, Response>();
  }
  throw new Failure("k", "m", { retryAfterMs: 5, details: { a: 1 } });
});

const key = new TestKey("k", { config: { limit: "1" } });
key.run(quakes.count, { magnitude: 1, place: "a" }).outputs.length;
key.onRequest((request) => (request.url === "" ? 503 : { json: request.json() }));

// @ts-expect-error an action is not async
on("x", async () => {});
// @ts-expect-error nor does it give a promise
on("x", () => Promise.resolve(1));
declare const ctx: Context;
interface Charge {
  id: string;
}
declare function charge(): Charge;
is<Charge, ReturnType<typeof charge>>();
const charged = ctx.durable("charge", null, charge, { reconcile: () => charge() });
is<typeof charged, Charge>();
const list = ctx.durable("list", null, (): Charge[] => [charge()]);
is<typeof list, Charge[]>();
on("x", (): Charge => charge());
on("x", (_, ctx) => ctx.memory.update<Charge[]>("list", (list) => [...list, charge()], []));
const parsed = ctx.durable("parsed", null, () => ctx.get("https://x/").json<Charge>());
is<typeof parsed, Charge>();
const any = ctx.durable("any", null, () => ctx.get("https://x/").json());
is<typeof any, any>();
// @ts-expect-error nor does a body
ctx.durable("a", null, async () => 1);
// @ts-expect-error what is no action
actions({ a: () => {} });
// @ts-expect-error a payload of another type
key.run(quakes.count, { magnitude: "1" });
// @ts-expect-error an option that fetch has elsewhere
ctx.fetch("https://x/", { signal: null });
// @ts-expect-error a path of objects
ctx.memory.get({ a: 1 });
// @ts-expect-error a failure's option that is none
new Failure("k", "m", { retry: true });
