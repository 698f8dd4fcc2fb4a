import { setTimeout as sleep } from "node:timers/promises";
import { readSpans, type ReadSpan } from "./otlp-json.ts";

export interface SearchTerms {
  readonly service: string;
  /** All of them on one span, each equal to the text. */
  readonly tags: Readonly<Record<string, string>>;
}

/** No span carries it: who finds one all the same does not look at attributes. */
const carriedByNone = { "tierwise.no.span.carries.this": "true" };

/** Asks a Jaeger over HTTP what it holds. */
export class JaegerQuery {
  readonly #url: string;
  #filters: boolean | undefined;

  constructor(url: string) {
    this.#url = url;
  }

  /** Every span of a trace; none when Jaeger does not hold it. */
  async trace(traceId: string): Promise<readonly ReadSpan[]> {
    return this.#spans(`/api/v3/traces/${traceId}`);
  }

  /** Waits until Jaeger holds that many spans of the trace. @throws {Error} when it does not within ten seconds */
  async traceOf(traceId: string, spanCount: number): Promise<readonly ReadSpan[]> {
    const deadline = performance.now() + 10_000;
    for (;;) {
      const spans = await this.trace(traceId);
      if (spans.length >= spanCount) return spans;
      if (performance.now() > deadline)
        throw new Error(`trace ${traceId}: Jaeger holds ${spans.length} of ${spanCount} spans after 10 s`);
      await sleep(50);
    }
  }

  /** Ids of the traces of the last hour in which one span has all of the tags. */
  async search(terms: SearchTerms): Promise<readonly string[]> {
    this.#filters ??= (await this.#searchV3({ ...terms, tags: carriedByNone })).length === 0;
    return this.#filters ? this.#searchV3(terms) : this.#searchV1(terms);
  }

  /** Version 2.20 and later. Earlier ones take `query.attributes` and do not look at it. */
  async #searchV3({ service, tags }: SearchTerms): Promise<readonly string[]> {
    const { from, to } = lastHour();
    const times = { startTimeMin: from.toISOString(), startTimeMax: to.toISOString() };
    const query = new URLSearchParams({
      ...prefixed({ serviceName: service, searchDepth: depth, ...times, attributes: JSON.stringify(tags) }),
      // The spelling of earlier versions, without which they refuse the search.
      ...prefixed({ service_name: service, num_traces: depth }),
      ...prefixed({ start_time_min: times.startTimeMin, start_time_max: times.startTimeMax }),
    });
    const spans = await this.#spans(`/api/v3/traces?${query.toString()}`);
    return [...new Set(spans.map(({ traceId }) => traceId))];
  }

  /** What the UI of those earlier versions asks. */
  async #searchV1({ service, tags }: SearchTerms): Promise<readonly string[]> {
    const { from, to } = lastHour();
    const times = { start: String(from.getTime() * 1_000), end: String(to.getTime() * 1_000) };
    const query = new URLSearchParams({ service, ...times, limit: depth, tags: JSON.stringify(tags) });
    const { data } = JSON.parse(await this.#get(`/api/traces?${query.toString()}`)) as { data: { traceID: string }[] };
    return data.map(({ traceID }) => traceID);
  }

  async #spans(path: string): Promise<ReadSpan[]> {
    const body = await this.#get(path);
    return body === "" ? [] : readSpans(body);
  }

  /** @returns nothing where Jaeger finds nothing */
  async #get(path: string): Promise<string> {
    const response = await fetch(`${this.#url}${path}`, { signal: AbortSignal.timeout(10_000) });
    const body = await response.text();
    if (response.status === 404) return "";
    if (!response.ok) throw new Error(`Jaeger answers ${response.status} to ${path}: ${body.slice(0, 200)}`);
    return body;
  }
}

/** More than any search here can find. */
const depth = "1000";

function lastHour(): { readonly from: Date; readonly to: Date } {
  const now = Date.now();
  return { from: new Date(now - 3_600_000), to: new Date(now + 60_000) };
}

function prefixed(parameters: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(parameters).map(([name, value]) => [`query.${name}`, value]));
}
