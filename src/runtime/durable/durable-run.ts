import type { EngineEvent, EngineRun, Waits, Work } from "../engine.ts";
import type { Session } from "../session.ts";
import { replay } from "./journal.ts";
import type { Performed } from "./perform-durably.ts";

/**
 * A run as the driver sees it, whichever process did its works: what another one did is first done to the books here.
 */
export class DurableRun implements EngineRun {
  readonly id: string;
  readonly #inner: EngineRun;
  readonly #session: Session;

  constructor(inner: EngineRun, session: Session) {
    this.id = inner.id;
    this.#inner = inner;
    this.#session = session;
  }

  async advance(due: readonly Work[], waits: Waits): Promise<readonly EngineEvent[]> {
    const events = await this.#inner.advance(due, waits);
    return events.map((event) => (event.type === "done" ? this.#settle(event) : event));
  }

  #settle(event: EngineEvent): EngineEvent {
    const performed = event.value as Performed;
    const { durable } = this.#session;
    durable?.lost.delete(event.key);
    if (durable?.performed.delete(event.key) !== true) replay(this.#session, performed.journal);
    return performed.ok ? { ...event, value: performed.value } : { ...event, type: "failed", value: performed.error };
  }
}
