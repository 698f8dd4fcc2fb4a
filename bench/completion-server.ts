/** Answers every completion request alike, and tells its parent the port. Ends with its parent. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const completion = JSON.stringify({
  ...{ id: "chatcmpl-1", object: "chat.completion", created: 1, model: "m" },
  choices: [{ index: 0, message: { role: "assistant", content: '{"answer":"ok"}' }, finish_reason: "stop" }],
  usage: { prompt_tokens: 10, completion_tokens: 1, total_tokens: 11 },
});

const server = createServer((request, response) => {
  request.resume().on("end", () => response.setHeader("content-type", "application/json").end(completion));
});
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
process.once("disconnect", () => process.exit());
