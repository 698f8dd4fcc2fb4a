import type { ModelName } from "./prices.ts";

interface Reply {
  readonly model: string;
  readonly choices: readonly {
    readonly finish_reason: string;
    readonly message: {
      readonly content: string | null;
      readonly tool_calls?: readonly { id: string; function: { name: string; arguments: string } }[];
    };
  }[];
  readonly usage: { prompt_tokens: number; completion_tokens: number; total_tokens: number };
}

/** One HTTP request of an OpenAI-compatible server, and nothing around it: a worker with LangChain's takes a second more to start. */
export class PlainClient {
  readonly #url: string;
  readonly #model: ModelName;
  readonly #tools: readonly unknown[];

  constructor(url: string, model: ModelName, tools: readonly unknown[] = []) {
    this.#url = url;
    this.#model = model;
    this.#tools = tools;
  }

  bindTools(tools: readonly unknown[]): PlainClient {
    return new PlainClient(this.#url, this.#model, tools);
  }

  async invoke(messages: readonly unknown[], { signal }: { signal?: AbortSignal } = {}): Promise<unknown> {
    const body = JSON.stringify({ model: this.#model, messages, tools: this.#tools });
    const headers = { "content-type": "application/json" };
    const sent = { method: "POST", headers, body, ...(signal && { signal }) };
    const response = await fetch(`${this.#url}/chat/completions`, sent);
    const { choices, usage, model } = (await response.json()) as Reply;
    const { message, finish_reason } = choices[0]!;
    return {
      content: message.content ?? "",
      tool_calls: (message.tool_calls ?? []).map(({ id, function: { name, arguments: args } }) => ({
        ...{ id, name, type: "tool_call" },
        args: JSON.parse(args) as unknown,
      })),
      usage_metadata: { input_tokens: usage.prompt_tokens, output_tokens: usage.completion_tokens },
      response_metadata: { finish_reason, model_name: model },
    };
  }
}
