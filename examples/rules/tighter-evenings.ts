import type { Rule } from "tierwise";

const eveningFromHourUtc = 18;
/** US dollars per million output tokens that an endpoint may cost in the evening. */
const eveningMaxOutputUsd = 1;

/** A budget that tightens in the evening: dear endpoints are refused from 18:00 UTC on, when nobody watches the bill. */
export const tighterEvenings: Rule = {
  name: "tighter-evenings",
  version: "1",
  apply(candidates, { atMs }) {
    if (new Date(atMs).getUTCHours() < eveningFromHourUtc) return {};
    // A price is in pico-dollars a token: a dollar per million tokens is a million of them.
    const most = BigInt(eveningMaxOutputUsd * 1_000_000);
    const dear = candidates.filter(({ endpoint: { price } }) => price === undefined || price.outputPicoPerToken > most);
    return { removed: dear.map(({ endpoint }) => ({ endpoint: endpoint.name, reason: "too dear for the evening" })) };
  },
};
