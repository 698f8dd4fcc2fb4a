import { show } from "../common/names.ts";
import { TierwiseError } from "../errors.ts";
import type { EndpointClass } from "./endpoint.ts";

const largestSlm = 14;
const smallestLlm = 70;

/**
 * The class that goes with a size, for those who have no opinion: up to 14 billion parameters `slm`, from 70 `llm`. Source:
 * decision-framework.md 4.6, "Parameter bounds": the articles disagree about everything between, so there the author has to.
 * @param parametersBillions above 0, for example 3.8
 * @throws {TierwiseError} `CATALOG_INVALID` between the two, and for what is no size
 */
export function classOfSize(parametersBillions: number): EndpointClass {
  if (!Number.isFinite(parametersBillions) || parametersBillions <= 0)
    throw mistake(`expected billions of parameters above 0, found ${show(parametersBillions)}`);
  if (parametersBillions <= largestSlm) return "slm";
  if (parametersBillions >= smallestLlm) return "llm";
  throw mistake(
    `${parametersBillions} billion parameters are neither small (up to ${largestSlm}) nor large (from ${smallestLlm}); declare the class: "slm" or "llm"`,
  );
}

function mistake(message: string): TierwiseError {
  return new TierwiseError("CATALOG_INVALID", `classOfSize: ${message}`);
}
