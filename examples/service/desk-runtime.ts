/** The runtime of the service: the desk's catalog, and one account a day for each tenant. */
import { createRuntime, defaultPolicy, type Runtime, type RuntimeOptions } from "tierwise";
import { trainClassifier } from "tierwise/embedded";
import { deskCatalog, type TextModels } from "../support-desk/catalog.ts";
import { nobodyThere } from "../support-desk/scripted-person.ts";
import { trainingTickets } from "../support-desk/shop.ts";
import { thresholdFor } from "../support-desk/threshold.ts";
import type { Config } from "./config.ts";

export interface DeskRuntimeOptions extends Pick<RuntimeOptions, "retry" | "telemetry"> {
  readonly models: TextModels;
  readonly config: Pick<Config, "tenants" | "macKey">;
}

/** Of the tickets that the embedded classifier decides at most this share may be wrong. */
const maxErrorRate = 0.1;
/** Where an endpoint has no price, money cannot be kept; calls a day and tenant are counted instead. */
const unpricedCallsPerDay = 10_000;

/** Trained once for a process: it takes about a second. */
let trained: { readonly classifier: ReturnType<typeof trainClassifier>; readonly acceptAt: number } | undefined;

export function deskRuntime({ models, config, ...options }: DeskRuntimeOptions): Runtime {
  trained ??= {
    classifier: trainClassifier(trainingTickets, { seed: 1 }),
    acceptAt: thresholdFor(trainingTickets, { maxErrorRate, seed: 1 }),
  };
  const { tenants, macKey } = config;
  return createRuntime({
    catalog: deskCatalog(trained.classifier, models),
    policy: defaultPolicy({ acceptAt: trained.acceptAt }),
    requireLabels: true,
    onHuman: nobodyThere,
    budgets: {
      accounts: ({ tags: { tenant = "" } }) => {
        const costUsd = tenants.get(tenant);
        if (costUsd === undefined) throw new Error("a run without a known tenant");
        const cap = models.priced ? { costUsd } : { calls: unpricedCallsPerDay };
        return [{ name: `tenant:${tenant}`, per: "day", ...cap }];
      },
    },
    ...(macKey !== undefined && { macKey }),
    ...options,
  });
}
