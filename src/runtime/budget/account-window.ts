import { capsOf, type Caps } from "./amounts.ts";

/** A budget that many runs share, for example of a tenant and a day. */
export interface SharedAccount {
  /** Chosen by you; runs that give the same name share it. Errors and events show it. 1 to 128 characters. */
  readonly name: string;
  /** How long the caps hold before they start anew: windows of UTC by the clock of the runtime. */
  readonly per: "hour" | "day" | "month" | "forever";
  /** US dollars, above 0, at most 1,000,000. @default no cap */
  readonly costUsd?: number;
  /** Input and output tokens of models, 1 to 10^12. @default no cap */
  readonly tokens?: number;
  /** Requests to models, retries included, 1 to 10^9. @default no cap */
  readonly calls?: number;
}

/** One window of a shared account, as a port is handed it: with its caps in the units in which budgets count. */
export interface AccountWindow {
  readonly account: string;
  /** Tells windows of one account apart: `2026-11-23T14`, `2026-11-23`, `2026-11` or `forever`, in UTC. */
  readonly window: string;
  /** Milliseconds since the Unix epoch; `undefined` where it never ends. */
  readonly endsAtMs: number | undefined;
  readonly caps: Caps;
}

/** Characters of an ISO time that name the window. */
const nameLength = { month: 7, day: 10, hour: 13 } as const;

/** The window of an account in which a time lies. @param atMs milliseconds since the Unix epoch */
export function windowAt(account: SharedAccount, atMs: number): AccountWindow {
  const { name, per } = account;
  const caps = capsOf(account);
  if (per === "forever") return { account: name, window: per, endsAtMs: undefined, caps };
  const time = new Date(atMs);
  return { account: name, window: time.toISOString().slice(0, nameLength[per]), endsAtMs: endOf(time, per), caps };
}

function endOf(time: Date, per: "hour" | "day" | "month"): number {
  const [year, month, day, hour] = [time.getUTCFullYear(), time.getUTCMonth(), time.getUTCDate(), time.getUTCHours()];
  switch (per) {
    case "month":
      return Date.UTC(year, month + 1);
    case "day":
      return Date.UTC(year, month, day + 1);
    case "hour":
      return Date.UTC(year, month, day, hour + 1);
  }
}
