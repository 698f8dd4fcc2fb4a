import { describe, expect, it } from "vitest";
import { classOfSize } from "./class-of-size.ts";

describe("the class of a size", () => {
  it.each([
    [0.5, "slm"],
    [14, "slm"],
    [70, "llm"],
    [671, "llm"],
  ])(
    "decision-framework.md 4.6 row Parameter bounds: %d billion parameters are an %s",
    (parametersBillions, expected) => {
      expect(classOfSize(parametersBillions)).toBe(expected);
    },
  );

  it.each([14.01, 27, 32, 69.9])(
    "decision-framework.md 4.6 row Parameter bounds: the author has to declare the class of %d billion",
    (parametersBillions) => {
      expect(() => classOfSize(parametersBillions)).toThrow(
        expect.objectContaining({
          code: "CATALOG_INVALID",
          message: `classOfSize: ${parametersBillions} billion parameters are neither small (up to 14) nor large (from 70); declare the class: "slm" or "llm"`,
        }),
      );
    },
  );

  it.each([0, -7, NaN, Infinity, "7b", undefined])("is asked of a size, not of %s", (size) => {
    expect(() => classOfSize(size as number)).toThrow(/^classOfSize: expected billions of parameters above 0, found /);
  });
});
