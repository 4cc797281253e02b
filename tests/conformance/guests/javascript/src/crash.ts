import { type Context, Failure } from "weir";

export function crash(how: string, ctx: Context): void {
  switch (how) {
    case "error":
    case "panic":
      throw new Error("crash on purpose");
    case "error-in-call":
    case "panic-in-call":
      ctx.durable("crash", null, () => {
        throw new Error("crash on purpose");
      });
      return;
    case "error-without-text":
      throw undefined;
    case "error-without-text-in-call":
      ctx.durable("crash", null, () => {
        throw undefined;
      });
      return;
    case "loop":
      for (;;);
    case "recurse":
      recurse(0);
      return;
    case "allocate":
      allocate();
    default:
      throw new Failure("unknown-op", `this guest does not know how to crash by ${how}`);
  }
}

function recurse(depth: number): number {
  return recurse(depth + 1) + depth;
}

function allocate(): never {
  const kept: Uint8Array[] = [];
  for (;;) kept.push(new Uint8Array(1_000_000).fill(kept.length));
}
