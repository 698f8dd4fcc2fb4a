/** Every row of docs/concepts/decision-framework.md 4.1, 4.3 and 4.6, and what became of it. */

/** A test by its file and its name as written there. */
export interface NamedTest {
  readonly file: string;
  readonly name: string;
}

/** Keyed by the first words of a row: of one clause of a titled bullet, else of the whole bullet or table line. */
export type FrameworkRow = { readonly row: string } & (
  | { readonly tests: readonly NamedTest[] }
  /** States nothing that code could do or leave undone. */
  | { readonly noBehaviour: string }
  /** States something that nothing does, and why not. */
  | { readonly notBuilt: string }
);

const inFile =
  (file: string) =>
  (...names: readonly string[]): readonly NamedTest[] =>
    names.map((name) => ({ file, name }));

const here = inFile("src/policy/framework.test.ts");
const scorecard = inFile("src/policy/scorecard.test.ts");
const decide = inFile("src/policy/decide.test.ts");
const calculators = inFile("src/evaluation/calculators.test.ts");
const cascade = inFile("test/scenarios/cascade.test.ts");
const agent = inFile("test/scenarios/agent.test.ts");
const slmOnly = inFile("src/patterns/slm-only.test.ts");
const domainStack = inFile("src/patterns/domain-stack.test.ts");
const rag = inFile("src/patterns/rag.test.ts");

const tiers: readonly FrameworkRow[] = [
  {
    row: "4.1 Complexity tiers (S1): T1",
    tests: here("4.1 Complexity tiers (S1): T1 classification goes to a small model first"),
  },
  {
    row: "4.1 Complexity tiers (S1): T2",
    tests: here("4.1 Complexity tiers (S1): T2 generation goes to a small model, with a large one behind it"),
  },
  {
    row: "4.1 Complexity tiers (S1): T3",
    tests: here(
      "4.1 Complexity tiers (S1): T3 %s goes to a large model alone",
      "4.1 Complexity tiers (S1): T3 %s is hybrid where a small model's gate is certified for it",
    ),
  },
  {
    row: "4.1 Complexity tiers (S1): T4",
    tests: [
      ...here("4.1 Complexity tiers (S1): T4 an agent is hybrid, the large model plans and the small one acts"),
      ...agent("asks the large model to plan, the small one to act, and the large one again after a tool failed"),
    ],
  },
  {
    // The shares (85 %, 10 %, 5 %) describe workloads; they are shown nowhere.
    row: "4.1 Complexity tiers (S1): S4 classes: routine",
    tests: here("4.1 Complexity tiers (S1): S4's routine step can be kept from escalating at all"),
  },
  {
    row: "4.1 Privacy (S4): high",
    tests: here("4.1 Privacy (S4): high or critical data (%s, %s) stays at the edge and on the premises"),
  },
  {
    row: "4.1 Privacy (S4): moderate",
    tests: here(
      "4.1 Privacy (S4): moderate data (%s) goes to the cloud behind an anonymiser only, else it stays inside",
      "4.1 Privacy (S4): a sensitive request (%s) of a moderate step goes to a small model on the premises",
    ),
  },
  {
    row: "4.1 Privacy (S4): low",
    tests: here("4.1 Privacy (S4): low data goes to the cloud only under a data-handling agreement"),
  },
  {
    row: "4.1 Privacy (S4): Regulated",
    tests: [
      ...here("4.1 Privacy (S4): regulated data fails closed, also when all that may see it has failed"),
      ...cascade("never widens the places that may see the data: the uncleared one gets no call at all"),
    ],
  },
  {
    row: "4.1 Privacy (S4): S1 scale",
    tests: scorecard("decision-framework.md 4.1 row Privacy (S4), S1 scale: a level scores its position"),
  },
  {
    row: "4.1 Latency (S4): real-time",
    tests: here("4.1 Latency (S4): real-time (50 ms) asks small local models only, and nobody after them"),
  },
  {
    row: "4.1 Latency (S4): fast",
    tests: here(
      "4.1 Latency (S4): fast (500 ms) asks small models on the premises or in the cloud, those inside first",
    ),
  },
  {
    row: "4.1 Latency (S4): batch",
    tests: here("4.1 Latency (S4): batch asks either, and cost decides inside each class"),
  },
  {
    row: "4.1 Latency (S4): S1 scale",
    tests: scorecard("decision-framework.md 4.1 row Latency (S4), S1 scale, with 4.6: a bound of %s ms is %d"),
  },
  {
    row: "4.1 Latency (S4): S2: <200 ms and 100+ QPS",
    notBuilt:
      "100 requests a second are 181 billion tokens a month: every volume band puts a small model first long before, and a large one that is slower than 200 ms is out by its p95",
  },
  {
    row: "4.1 Latency (S4): >=1 s and <=10 QPS",
    notBuilt:
      "contradicts 4.2: scenarios 1 and 8 allow 2 s at less than 0.1 requests a second and are recommended SLM-first",
  },
  {
    row: "4.1 Volume (S4): >30M",
    tests: here("4.1 Volume (S4): above 30M tokens a month small models on own hardware come first, in a hybrid"),
  },
  {
    row: "4.1 Volume (S4): 5-30M",
    tests: here("4.1 Volume (S4): at %d tokens a month a hosted small model comes first"),
  },
  {
    row: "4.1 Volume (S4): <5M",
    tests: here("4.1 Volume (S4): below 5M tokens a month complex work goes to a large model alone"),
  },
  {
    row: "4.1 Volume (S4): On-prem capex justified >100M",
    tests: here("4.1 Volume (S4): from 100M tokens a month own hardware is justified for large models too"),
  },
  {
    // 4.6 reads it as a number to be computed, for at its own prices there is no crossing.
    row: "4.1 Volume (S4): S1: SLM worthwhile",
    tests: calculators("row S1 break-even: at the %s ends the SLM is cheaper from zero volume, so nothing crosses"),
  },
  {
    // How large the trained model is, nobody asks: its class is declared.
    row: "4.1 Domain (S4): high",
    tests: here(
      "4.1 Domain (S4): a %s field goes to the small model that was trained for it",
      "4.1 Domain (S4): sensitive data of a high field goes to the small model trained for it, and to no other",
    ),
  },
  {
    row: "4.1 Domain (S4): general",
    tests: here("4.1 Domain (S4): in a general field size matters, training for the field does not"),
  },
  {
    row: "4.1 Domain (S4): multi",
    tests: [
      ...here("4.1 Domain (S4): requests of several fields are told apart by models of no field, the large one last"),
      ...domainStack("answers one domain by the model trained for it, without the large one"),
      ...domainStack("lets the large model choose between two domains"),
    ],
  },
  { row: "4.1 S2 five rows: (task", tests: here("4.1 S2 five rows: %s changes where a step goes") },
  {
    row: "4.1 S2 five rows: RAG answer",
    tests: here(
      "4.1 S2 five rows: S5's use case %s declares a tier that goes where S5 sends it",
      "4.1 S2 five rows: S5's use cases are nine",
    ),
  },
  {
    row: "4.1 S2 five rows: S5 rule",
    tests: here("4.1 S2 five rows: S5's rule, the smallest model that is measured to do the job, then a larger one"),
  },
  {
    row: "4.1 Precedence (S4 list): privacy/latency critical",
    tests: here(
      "4.1 Precedence (S4 list): critical privacy comes before volume, a small model inside before all",
      "4.1 Precedence (S4 list): critical privacy puts small models first, whatever preferred the large one",
      "4.1 Precedence (S4 list): critical latency comes before domain and volume",
    ),
  },
  {
    row: "4.1 Precedence (S4 list): then domain",
    tests: here("4.1 Precedence (S4 list): then the model that was trained for the field, before the volume bands"),
  },
  {
    row: "4.1 Precedence (S4 list): then volume bands",
    tests: here("4.1 Precedence (S4 list): then the volume bands, before price"),
  },
  {
    row: '4.1 Precedence (S4 list): then "complex',
    tests: here(
      "4.1 Precedence (S4 list): a complex step (%s) has a large model in the loop, or a person",
      "4.1 Precedence (S4 list): an agent without a large model in the loop says so",
    ),
  },
  {
    row: "4.1 Thresholds: 0.85",
    tests: here("4.1 Thresholds: 0.85 decides between the small model and escalation unless told otherwise"),
  },
  { row: "4.1 Thresholds: 0.80", tests: domainStack("has a threshold of its own") },
  {
    row: "4.1 Thresholds: margin",
    tests: cascade(
      "is judged by the margin of its label over the best rival when it returns log-probabilities",
      "from every endpoint ends a classification with { uncertain: true }, not with an error",
    ),
  },
  {
    row: "4.1 Thresholds: pilot",
    tests: inFile("src/evaluation/pilot.test.ts")(
      "decision-framework.md 4.1 row Thresholds: %d of the accuracy at %d of the cost falls short of %j",
    ),
  },
  {
    row: "4.1 Thresholds: 10 % canary",
    tests: inFile("src/policy/experiment.test.ts")(
      "asks the endpoints of one arm, in the place of those it replaces, and says so in the decision",
      "gives each arm its share of the keys",
    ),
  },
  {
    row: "4.1 Thresholds: 5 % human review",
    tests: here("4.1 Thresholds: a share of the answers, 5 % say, is offered to a person for review"),
  },
  {
    row: "4.1 Scorecard (S1)",
    tests: scorecard("decision-framework.md 4.1 row Scorecard (S1): %j is %d and %s"),
  },
];

const patterns: readonly FrameworkRow[] = [
  { row: "4.3 P1", tests: slmOnly("asks small models only, and says which rule refused the large one") },
  {
    row: "4.3 P2",
    tests: [
      ...inFile("src/patterns/slm-with-escalation.test.ts")(
        "puts the large model behind the small one, without a flag",
      ),
      ...inFile("src/patterns/escalation-report.test.ts")("counts answers by class and runs that escalated"),
    ],
  },
  {
    // No step plan: 4.6 reads it as a property of an endpoint.
    row: "4.3 P3",
    tests: inFile("src/catalog/amortised-price.test.ts")("prices a speedup as throughput of output, not of input"),
  },
  {
    row: "4.3 P4",
    tests: rag(
      "answers from what BM25 finds, and names its source",
      "looks up what is missing, and keeps what was found",
    ),
  },
  {
    row: "4.3 P5",
    tests: domainStack(
      "answers one domain by the model trained for it, without the large one",
      "asks it also when no domain was found, and takes the general answer",
    ),
  },
  {
    // Events are not tracked for one pattern: every run has them.
    row: "4.3 S1 agentic-RAG",
    tests: rag(
      "always asks the original question, and no more further ones than it may",
      "is the large model for public data, and the small one only for the mechanics",
    ),
  },
];

const readings: readonly FrameworkRow[] = [
  {
    row: "4.6 S1 score adds",
    tests: [
      ...scorecard("corrected equals literal with 6 - privacy and 6 - volume (decision-framework.md 4.6, first row)"),
      ...scorecard("decision-framework.md 4.2: the %s score alone misses %j"),
      ...here("4.6 S1 score adds: the scorecard is advisory, whatever it says the rules decide"),
    ],
  },
  {
    row: "4.6 S1 scales",
    tests: scorecard(
      "decision-framework.md 4.1 row Latency (S4), S1 scale, with 4.6: a bound of %s ms is %d",
      "decision-framework.md 4.2 row $name: its scores follow from its facts at 700 tokens a request",
    ),
  },
  {
    row: "4.6 S4 scenario A",
    tests: calculators(
      "row S4 scenario A: 50,000 x 700 is 35M tokens and $1,125 by the formula",
      "row S4 scenario A: hybrid $306 = 0.15 x 1,050 + 148.5 saves 71 %",
    ),
  },
  {
    row: '4.6 S4 "on-prem saves 85 %"',
    tests: calculators("row S4 on-prem saves 85 %: 62 % with operations, 85.7 % only if $250 of the $400 are left out"),
  },
  {
    row: "4.6 S4 TCO",
    tests: calculators(
      "row S4 TCO: 1M queries a day at 700 tokens are $8.2M a year, about 1,000 times the table's $6,000-9,600",
    ),
  },
  {
    row: "4.6 S4 infra row",
    tests: calculators("row S4 infra: 100M tokens are $3,214 on GPT-4o and $14 on Gemini Flash"),
  },
  {
    row: "4.6 S3: 10M queries",
    tests: calculators("row S3: 10M queries x 500 tokens x $30-60 a million are $150-300K, of one month"),
  },
  { row: "4.6 S4 legal case", noBehaviour: "prices and accuracies that contradict each other: neither is cited" },
  { row: "4.6 S4 full fine-tune", tests: calculators("row Fine-tuning: %s") },
  {
    row: "4.6 S1 break-even",
    tests: calculators("row S1 break-even: at the %s ends the SLM is cheaper from zero volume, so nothing crosses"),
  },
  {
    row: "4.6 Break-even volume",
    tests: [
      ...here("4.6 Break-even volume: the bands are 5M, 30M and 100M unless told otherwise"),
      ...here("4.6 Break-even volume: the bands are soft, at %d tokens a month no single endpoint is lost"),
      ...calculators("row Break-even volume: one A100 against %s tokens a month"),
    ],
  },
  { row: "4.6 S4 P1", tests: here("4.6 S4 P1: below 5M tokens a month a routine step may use a hosted small model") },
  {
    row: "4.6 S4 scenario 8",
    tests: here("4.6 S4 scenario 8: the large model to escalate to must itself be inside; without one it is a person"),
  },
  {
    row: '4.6 S4 "privacy critical',
    tests: here(
      '4.6 S4 "privacy critical": complex work on critical data takes the large model inside, else it is flagged',
    ),
  },
  {
    row: "4.6 S4 scenario 6",
    tests: [
      ...here("4.6 S4 scenario 6: a large model is asked where its p95 fits the time left, else it is named for later"),
      ...inFile("test/scenarios/policy.test.ts")(
        "counts the time of a rejected draft: what no longer fits is not asked",
      ),
    ],
  },
  {
    row: '4.6 S4 "sub-50 ms on edge"',
    tests: here(
      '4.6 S4 "sub-50 ms on edge": latency is what was measured or declared, never guessed from a class or place',
    ),
  },
  {
    row: '4.6 ">0.85 / <0.85"',
    tests: inFile("src/confidence/confidence.test.ts")("decides by %s"),
  },
  {
    row: "4.6 0.85 is used for",
    tests: [
      ...here("4.6 0.85 is used for: intent router, answer confidence and pilot are three separate settings"),
      ...inFile("src/evaluation/pilot.test.ts")("is by the author's own goal where there is one"),
    ],
  },
  {
    row: "4.6 Two gates mixed",
    tests: here("4.6 Two gates mixed: a route gate judges a classification before, an accept gate an answer after"),
  },
  {
    row: '4.6 "Routine: zero escalation"',
    tests: here('4.6 "Routine: zero escalation": a routine step is gated and may escalate unless told never to'),
  },
  {
    row: "4.6 Parameter bounds",
    tests: inFile("src/catalog/class-of-size.test.ts")(
      "decision-framework.md 4.6 row Parameter bounds: %d billion parameters are an %s",
      "decision-framework.md 4.6 row Parameter bounds: the author has to declare the class of %d billion",
    ),
  },
  {
    row: "4.6 Price",
    tests: [
      ...calculators("row Price: $0.001-0.01 for 1,000 tokens is $1-10 a million"),
      ...decide("under a cap refuses what has no price and what has no worst case"),
      ...inFile("src/catalog/price.test.ts")("takes a missing price for unknown, which is not nothing"),
      ...inFile("src/catalog/catalog.test.ts")("names every endpoint without a price at once"),
    ],
  },
  {
    row: "4.6 Labelled data",
    notBuilt: "belongs to the calibration of confidences, which is not built yet: no fit takes labelled rows of a run",
  },
  {
    row: "4.6 RAG answer",
    tests: rag(
      "is the large model for public data, and the small one only for the mechanics",
      "rejects a made-up source and asks the next endpoint of the ladder",
    ),
  },
  {
    row: '4.6 P3 "pay to verify',
    tests: [
      ...inFile("src/catalog/amortised-price.test.ts")("prices a speedup as throughput of output, not of input"),
      ...inFile("src/models/langchain.test.ts")(
        "is no log-probabilities while a draft model may invent them, whatever is declared",
      ),
    ],
  },
  { row: "4.6 Pattern shares", noBehaviour: "says what not to show: nothing shows a distribution of patterns" },
];

export const rows: readonly FrameworkRow[] = [...tiers, ...patterns, ...readings];
