import { gzipSync } from "node:zlib";
import { completionBody } from "../completion-body.ts";
import type { ServerReply } from "../server-reply.ts";

/** 200 with the page of a proxy or a login. */
export function html(): ServerReply {
  const raw = "<!doctype html><html><body><h1>502 Bad Gateway</h1></body></html>";
  return { raw, headers: { "content-type": "text/html" } };
}

/** 200 with JSON that stops in the middle, its length to match. */
export function truncatedJson(): ServerReply {
  const whole = completionBody({});
  return { raw: whole.slice(0, whole.length / 2) };
}

/** 200 and nothing. */
export function emptyBody(): ServerReply {
  return { raw: "" };
}

/** A right completion that calls itself something else. */
export function wrongContentType(type = "text/plain"): ServerReply {
  return { headers: { "content-type": type } };
}

/** A completion whose text is not UTF-8: a byte that no character starts with. */
export function invalidUtf8(): ServerReply {
  const [before = "", after = ""] = completionBody({ content: "|" }).split("|");
  return { raw: Buffer.concat([Buffer.from(before), Buffer.from([0x62, 0xff, 0xfe, 0x62]), Buffer.from(after)]) };
}

/** A right completion behind a byte order mark. */
export function byteOrderMark(): ServerReply {
  return { raw: `\uFEFF${completionBody({})}` };
}

/** 200 with an error as its body, as some gateways answer. */
export function errorWithStatus200(): ServerReply {
  return { raw: JSON.stringify({ error: { message: "upstream failed", type: "server_error", code: null } }) };
}

const mostUnpackedBytes = 100_000_000;

/** A small gzip body that unpacks to blanks and then a completion. @param unpackedBytes at most 100,000,000 */
export function gzipBomb({ unpackedBytes = 50_000_000 }: { unpackedBytes?: number } = {}): ServerReply {
  if (!(unpackedBytes <= mostUnpackedBytes)) throw new RangeError(`gzipBomb: at most ${mostUnpackedBytes} bytes`);
  const whole = Buffer.concat([Buffer.alloc(unpackedBytes, " "), Buffer.from(completionBody({}))]);
  return { raw: gzipSync(whole, { level: 1 }), headers: { "content-encoding": "gzip" } };
}
