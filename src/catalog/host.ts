import { isFactory, isLabelModel, type EndpointModel } from "./model-like.ts";

/** Where a client keeps its address: OpenAI-compatible, Ollama and Azure clients of LangChain. */
interface Addressed {
  readonly clientConfig?: { readonly baseURL?: unknown };
  readonly baseUrl?: unknown;
  readonly baseURL?: unknown;
  readonly azureOpenAIEndpoint?: unknown;
  readonly azureOpenAIBasePath?: unknown;
  readonly azureOpenAIApiInstanceName?: unknown;
  readonly _llmType?: () => string;
}

/** What can be seen of an endpoint's address without calling it. */
export type Host =
  { readonly kind: "none" } | { readonly kind: "unknown" } | { readonly kind: "known"; readonly name: string };

/**
 * A classifier has no address; a client without a visible one is `unknown`. A factory is asked for its clients to look at.
 * Of several addresses the worst counts: a public one, else one that cannot be read. Which of them a client uses is its own
 * business: Azure's, for one, goes past a `baseURL` to its instance.
 */
export function hostOf(model: EndpointModel): Host {
  if (isLabelModel(model)) return { kind: "none" };
  const hosts = clientsOf(model).flatMap(hostsOf);
  const isPublic = (host: Host): boolean => host.kind === "known" && !isPrivateHost(host.name);
  return hosts.find(isPublic) ?? hosts.find(({ kind }) => kind === "unknown") ?? hosts[0]!;
}

/** Log-probabilities may want a client of their own. */
function clientsOf(model: EndpointModel): readonly (Addressed | undefined)[] {
  if (!isFactory(model)) return [model as Addressed];
  return [false, true].map((logprobs) => {
    try {
      return model({ maxOutputTokens: 1, logprobs }) as Addressed | undefined;
    } catch {
      return undefined;
    }
  });
}

function hostsOf(client: Addressed | undefined): readonly Host[] {
  const instance = client?.azureOpenAIApiInstanceName;
  const written = [
    ...[client?.clientConfig?.baseURL, client?.baseUrl, client?.baseURL],
    ...[client?.azureOpenAIEndpoint, client?.azureOpenAIBasePath],
    typeof instance === "string" && instance !== "" ? `https://${instance}.openai.azure.com` : undefined,
    // An empty one is none to the clients, too.
  ].filter((address) => address !== undefined && address !== null && address !== "");
  if (written.length > 0) return written.map(readAddress);
  return [client?._llmType?.() === "openai" ? { kind: "known", name: "api.openai.com" } : { kind: "unknown" }];
}

/** `api.openai.com:443` is an address without a host: its scheme is "api.openai.com". */
function readAddress(address: unknown): Host {
  if (typeof address !== "string" || !URL.canParse(address)) return { kind: "unknown" };
  const { protocol, hostname } = new URL(address);
  return /^https?:$/.test(protocol) ? { kind: "known", name: hostname } : { kind: "unknown" };
}

/**
 * Endings that are not delegated on the public internet: RFC 6761, 6762 (with its appendix G), 8375, 9476 and ICANN's
 * `.internal`.
 */
const privateEndings = [".localhost", ".local", ".internal", ".lan", ".home.arpa", ".alt", ".test"];

/**
 * True for names and addresses that can only be reached from inside: loopback, private and link-local ranges (RFC 1918,
 * 3927, 4193, 4291), single-label names, and reserved endings. Everything else counts as public, and so does what is no host
 * name. It says where a request goes first: a gateway on one's own premises may pass it on.
 */
export function isPrivateHost(host: string): boolean {
  const name = canonical(host);
  if (name === undefined) return false;
  if (name.includes(":")) return name === "::1" || /^f[cd][0-9a-f]{2}:/.test(name) || /^fe[89ab][0-9a-f]:/.test(name);
  const octets = /^(\d{1,3})\.(\d{1,3})\.\d{1,3}\.\d{1,3}$/.exec(name);
  if (octets !== null) return isPrivateRange(Number(octets[1]), Number(octets[2]));
  const relative = name.replace(/\.$/, "");
  if (relative === "localhost" || privateEndings.some((ending) => relative.endsWith(ending))) return true;
  return !name.includes(".") && !isTopLevel(name);
}

/**
 * As a client would read it: lower case, without brackets, an address in any notation as four decimal octets. `undefined` for
 * what is no host name.
 */
function canonical(host: string): string | undefined {
  const address = `http://${host.includes(":") && !host.startsWith("[") ? `[${host}]` : host}`;
  if (/[/?#@\\\s]/.test(host) || !URL.canParse(address)) return undefined;
  return new URL(address).hostname.replace(/^\[|\]$/g, "");
}

/**
 * Countries' domains, which may have an address of their own; others may not (ICANN resolution of 2013-08-13 on dotless
 * domains). A name that ends in a dot is never completed to one of the inside, either.
 */
function isTopLevel(name: string): boolean {
  return /^[a-z]{2}$/.test(name) || name.startsWith("xn--");
}

function isPrivateRange(first: number, second: number): boolean {
  if (first === 10 || first === 127) return true;
  if (first === 172) return second >= 16 && second <= 31;
  return (first === 192 && second === 168) || (first === 169 && second === 254);
}
