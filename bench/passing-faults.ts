import { faults, type ServerReply } from "tierwise/testing";

/** What goes wrong at a server once in a while, and ends by itself: statuses, broken connections, bodies that are none. */
export const passingFaults: readonly (() => ServerReply)[] = [
  () => faults.status(500),
  () => faults.status(503),
  () => faults.status(400),
  () => faults.rateLimited({ retryAfterMs: 50 }),
  () => faults.resetBeforeHeaders(),
  () => faults.resetMidBody(),
  () => faults.closeMidBody(),
  () => faults.html(),
  () => faults.truncatedJson(),
  () => faults.emptyBody(),
  () => faults.lengthLimit(),
  () => faults.usage("absent"),
];
