import { describe, expect, it } from "vitest";
import { readRetryAfter } from "./retry-after.ts";

/** Sunday, 6 November 1994, 08:49:37 UTC: the date of RFC 9110's examples. */
const nowMs = 784_111_777_000;

describe("how long a provider asks not to be called", () => {
  it.each<[string, Record<string, string>, number | undefined]>([
    ["seconds", { "retry-after": "7" }, 7_000],
    ["seconds with a fraction", { "retry-after": "0.25" }, 250],
    ["blanks around it", { "retry-after": "  7 " }, 7_000],
    ["nothing to wait for", { "retry-after": "0" }, 0],
    ["a day", { "retry-after": "86400" }, 86_400_000],
    ["milliseconds", { "retry-after-ms": "120" }, 120],
    ["milliseconds before seconds", { "retry-after": "7", "retry-after-ms": "120" }, 120],
    ["seconds where the milliseconds are garbage", { "retry-after": "7", "retry-after-ms": "soon" }, 7_000],
    ["a date", { "retry-after": "Sun, 06 Nov 1994 08:50:37 GMT" }, 60_000],
    ["a date in the old form of RFC 850", { "retry-after": "Sunday, 06-Nov-94 08:50:37 GMT" }, 60_000],
    ["a date as asctime writes it, which is UTC too", { "retry-after": "Sun Nov  6 08:50:37 1994" }, 60_000],
    ["a date that has passed", { "retry-after": "Sun, 06 Nov 1994 08:48:37 GMT" }, 0],
    ["a date of the wrong day of the week", { "retry-after": "Mon, 06 Nov 1994 08:50:37 GMT" }, 60_000],
    ["a date that does not exist", { "retry-after": "Sun, 99 Nov 1994 08:50:37 GMT" }, undefined],
    ["a date in another form", { "retry-after": "1994-11-06T08:50:37Z" }, undefined],
    ["less than nothing", { "retry-after": "-5" }, undefined],
    ["less than nothing in milliseconds", { "retry-after-ms": "-5" }, undefined],
    ["a number that is not plain", { "retry-after": "1e3" }, undefined],
    ["a number that is not decimal", { "retry-after": "0x10" }, undefined],
    ["a number without end", { "retry-after": "9".repeat(400) }, undefined],
    ["words", { "retry-after": "in a minute" }, undefined],
    ["nothing", { "retry-after": "" }, undefined],
    ["not given", {}, undefined],
  ])("%s", (_what, headers, expected) => {
    expect(readRetryAfter(new Headers(headers), nowMs)).toBe(expected);
    expect(readRetryAfter(headers, nowMs)).toBe(expected);
  });

  it("reads plain objects whatever the case of their names, and numbers in them", () => {
    expect(readRetryAfter({ "Retry-After": "3" }, nowMs)).toBe(3_000);
    expect(readRetryAfter({ "Retry-After": 3 }, nowMs)).toBe(3_000);
  });

  it.each([undefined, null, "retry-after: 3", 3, { "retry-after": ["3"] }, { "retry-after": null }])(
    "reads nothing from %j",
    (headers) => {
      expect(readRetryAfter(headers, nowMs)).toBeUndefined();
    },
  );
});
