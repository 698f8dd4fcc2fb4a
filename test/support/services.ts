import { createSecretKey } from "node:crypto";
import type { Clock } from "../../src/common/clock.ts";
import { defaultPolicy } from "../../src/policy/policy.ts";
import { MemoStore } from "../../src/runtime/memo/memo-store.ts";
import type { Services } from "../../src/runtime/session.ts";

/** What a runtime without endpoints lends to its runs. */
export function servicesOn(clock: Clock): Services {
  return {
    macKey: createSecretKey("a key for tests", "utf8"),
    memo: new MemoStore(clock),
    policy: defaultPolicy(),
    candidates: [],
    ports: new Map(),
    gates: new Map(),
    retry: { maxAttempts: 3, initialDelayMs: 500, backoffFactor: 2, maxDelayMs: 8_000 },
    clock,
    random: () => 0.5,
    human: undefined,
    monitor: undefined,
  };
}
