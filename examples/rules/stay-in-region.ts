import type { Rule } from "tierwise";

/** Which endpoints stand in which region: a fact about your servers, kept where you keep those. */
const regions: Readonly<Record<string, string>> = { phi4: "eu", mistral: "eu", gpt: "us" };

/** Tenants whose contract names a region. */
const contracts: Readonly<Record<string, string>> = { acme: "eu" };

/** A tenant that must stay in a region: everything elsewhere is refused. Runs say who they are by `tags: { tenant }`. */
export const stayInRegion: Rule = {
  name: "stay-in-region",
  version: "1",
  apply(candidates, { tags }) {
    const region = contracts[tags["tenant"] ?? ""];
    if (region === undefined) return {};
    const elsewhere = candidates.filter(({ endpoint }) => regions[endpoint.name] !== region);
    return { removed: elsewhere.map(({ endpoint }) => ({ endpoint: endpoint.name, reason: `is not in ${region}` })) };
  },
};
