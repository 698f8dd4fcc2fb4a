import { trace } from "@opentelemetry/api";
import { picoToUsd } from "../../src/catalog/money.ts";
import type { GraphDefinition } from "../../src/graph/definition.ts";
import { defaultPolicy } from "../../src/policy/policy.ts";
import { MemoStore } from "../../src/runtime/memo/memo-store.ts";
import { openSession } from "../../src/runtime/open-session.ts";
import type { HumanPort, Session } from "../../src/runtime/session.ts";
import { readMacKey } from "../../src/runtime/tool-call/idempotency-key.ts";
import { startStepTrace } from "../../src/runtime/trace-step.ts";
import { SimulatedClock } from "../../src/testing/simulated-clock.ts";

interface Direct {
  /** In pico-dollars. @default no cap */
  readonly cap?: bigint | undefined;
  readonly human?: HumanPort | undefined;
}

/** A run whose first step is under way, opened by hand: whatever build, plan and policy would have refused gets as far as dispatch. */
export function openDirectly(definition: GraphDefinition, { cap, human }: Direct = {}): Session {
  const clock = new SimulatedClock();
  const session = openSession(definition, {
    runId: "run",
    input: {},
    options: { budget: cap === undefined ? {} : { costUsd: picoToUsd(cap) }, durationMs: 60_000, tags: {} },
    policy: defaultPolicy(),
    services: {
      policy: defaultPolicy(),
      candidates: [],
      ports: new Map(),
      gates: new Map(),
      retry: { maxAttempts: 1, initialDelayMs: 0, backoffFactor: 1, maxDelayMs: 0 },
      random: () => 0,
      clock,
      human,
      monitor: undefined,
      macKey: readMacKey(undefined)!,
      memo: new MemoStore(clock),
    },
    tracer: trace.getTracer("test"),
  });
  startStepTrace(session, definition.steps[0]!);
  return session;
}
