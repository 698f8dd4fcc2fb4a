import type { Rule } from "../rule.ts";
import { removeWhere } from "./removal.ts";

/** Under a quality floor, removes what is measured below it for the step's tier, and what nobody measured. */
export const qualityRule: Rule = {
  name: "quality",
  version: "1",
  apply(candidates, { minQuality, complexity }) {
    if (minQuality === undefined) return {};
    return {
      removed: removeWhere(candidates, ({ endpoint }) => {
        const quality = endpoint.quality[complexity];
        if (quality === undefined) return `its quality on ${complexity} is not measured, and the step has a floor`;
        return quality >= minQuality
          ? undefined
          : `is right ${quality} of the time on ${complexity}; the floor is ${minQuality}`;
      }),
    };
  },
};
