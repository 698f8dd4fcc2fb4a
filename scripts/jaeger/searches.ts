import type { JaegerQuery, SearchTerms } from "./jaeger-query.ts";

export interface FoundSearch {
  readonly title: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly traceIds: readonly string[];
}

/** From the dearest down, as `tierwise.cost.bucket` has them. */
const buckets = ["ge_10", "1-10", "0.1-1", "0.01-0.1", "0.001-0.01", "lt_0.001", "0"] as const;

/** The questions that are asked first of the runs of a service, all of them by attributes of the run span. */
export async function preparedSearches(query: JaegerQuery, service: string): Promise<readonly FoundSearch[]> {
  return [
    await found(query, service, { title: "escalated runs", tags: { "tierwise.run.escalated": "true" } }),
    await dearestRuns(query, service),
    await found(query, service, { title: "refused flows", tags: { "tierwise.run.outcome": "denied" } }),
  ];
}

/** Jaeger knows no order of costs, so the buckets are asked one by one. */
async function dearestRuns(query: JaegerQuery, service: string): Promise<FoundSearch> {
  for (const bucket of buckets) {
    const tags = { "tierwise.cost.bucket": bucket };
    const search = await found(query, service, { title: `dearest runs (bucket ${bucket})`, tags });
    if (search.traceIds.length > 0) return search;
  }
  return { title: "dearest runs", tags: {}, traceIds: [] };
}

async function found(query: JaegerQuery, service: string, search: Omit<FoundSearch, "traceIds">): Promise<FoundSearch> {
  return { ...search, traceIds: await query.search({ service, tags: search.tags }) };
}

/** The search page of Jaeger's UI with the search filled in and carried out. Times are in microseconds there. */
export function searchLink(queryUrl: string, { service, tags }: SearchTerms, nowMs: number): string {
  const parameters = new URLSearchParams({
    service,
    tags: JSON.stringify(tags),
    lookback: "custom",
    start: String((nowMs - 3_600_000) * 1_000),
    end: String((nowMs + 3_600_000) * 1_000),
    limit: "200",
  });
  return `${queryUrl}/search?${parameters.toString()}`;
}
