/** Several processes on one PostgreSQL: who runs what may change, how a run ends may not. */
import { describe, expect, it } from "vitest";
import type { PendingQuestion } from "../../src/engines/dbos/index.ts";
import { agreedOutcomes, expectCompleted, Fleet, runIds } from "../support/fleet/fleet.ts";
import type { Outcome } from "../support/fleet/member.ts";
import { needsPostgres, ownDatabase } from "./postgres.ts";

needsPostgres();

async function onDatabase(work: (url: string) => Promise<void>): Promise<void> {
  const database = await ownDatabase();
  try {
    await work(database.url);
  } finally {
    await database.drop();
  }
}

describe("a fleet of workers", () => {
  it("starts a run once when eight processes start it at the same moment, and finishes all though three are killed", () =>
    onDatabase(async (url) => {
      await using fleet = await Fleet.of(8, url);
      const ids = runIds("same", 20);
      const inTheMiddle = fleet.begin(30);
      const starts = await Promise.all(
        fleet.members.map((member) => member.ask<readonly Outcome[]>({ type: "start", runIds: ids, asks: false })),
      );
      for (const index of ids.keys()) {
        const ofRun = starts.map((outcomes) => outcomes[index]!);
        expect(ofRun.filter((outcome) => "output" in outcome)).toHaveLength(1);
        expect(ofRun.filter((outcome) => "error" in outcome && outcome.error === "RUN_EXISTS")).toHaveLength(7);
      }
      await inTheMiddle;
      await Promise.all(fleet.members.slice(0, 3).map((member) => member.kill()));
      expectCompleted(await agreedOutcomes(fleet.members.slice(3), ids));
    }));

  it("ends a run that is cancelled while it finishes one way, and every process sees the same", () =>
    onDatabase(async (url) => {
      await using fleet = await Fleet.of(3, url);
      const [driver, canceller] = fleet.members;
      const ids = runIds("cancel", 40);
      const wishes: Promise<unknown>[] = [];
      // Half of them early, half while their last step works: then either may come first.
      fleet.onBegin = ({ runId, step }) => {
        const isEarly = ids.indexOf(runId) % 2 === 0;
        if (step === (isEarly ? "first" : "last"))
          wishes.push((isEarly ? canceller! : driver!).ask({ type: "cancel", runId }));
      };
      await driver!.ask({ type: "start", runIds: ids, asks: false });
      const outcomes = await agreedOutcomes(fleet.members, ids);
      await Promise.all(wishes);
      expectCompleted(outcomes.filter((outcome) => !("error" in outcome)));
      const codes = outcomes.flatMap((outcome) => ("error" in outcome ? [outcome.error] : []));
      expect(new Set(codes)).toEqual(new Set(["RUN_CANCELLED"]));
    }));

  it("takes one of two answers given at once while the run changes hands, and goes on with that one", () =>
    onDatabase(async (url) => {
      await using fleet = await Fleet.of(4, url);
      const [doomed, heir, lea, max] = fleet.members;
      const ids = runIds("asked", 12);
      await doomed!.ask({ type: "start", runIds: ids, asks: true });
      let waiting: readonly PendingQuestion[] = [];
      while (waiting.length < ids.length) waiting = await heir!.ask({ type: "questions" });
      const answer = (by: "lea" | "max", { runId, key }: PendingQuestion) =>
        (by === "lea" ? lea! : max!).ask<string>({ type: "answer", runId, key, approved: by === "lea", by });
      const killed = doomed!.kill();
      const answers = await Promise.all(
        waiting.map(async (question) => ({
          runId: question.runId,
          given: await Promise.all([answer("lea", question), answer("max", question)]),
        })),
      );
      await killed;
      const outcomes = await agreedOutcomes([heir!, lea!], ids);
      expectCompleted(outcomes);
      for (const { runId, given } of answers) {
        expect([...given].sort()).toEqual(["accepted", "already"]);
        const by = given[0] === "accepted" ? "lea" : "max";
        const { output } = outcomes[ids.indexOf(runId)] as { output: { approval: unknown } };
        expect(output.approval).toEqual({ approved: by === "lea", by });
      }
    }));
});
